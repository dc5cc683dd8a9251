"""`shale delete`: objects go, and by default this waits until they are gone."""

import asyncio
from typing import Literal

import msgspec

from shale.cli import documents, door, traces
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.kinds import DEFAULT_NAMESPACE, targets
from shale.cli.screen import line, note, say
from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.resources import Kind
from shale.kube import manifests
from shale.kube.resources import Cascade, Conflict, Invalid, Missing, Removed, Resources


class Options(msgspec.Struct, frozen=True):
    """What to delete, and whether to wait for it, at most `timeout` seconds for each."""

    target: list[str]
    file: list[str]
    namespace: str = ""
    cascade: Cascade = "background"
    wait: Literal["true", "false"] = "true"
    timeout: float = 300


class Doomed(msgspec.Struct, frozen=True):
    """One object by its name."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        """Return `modelversion team-a/mv-3`."""
        return f"{self.kind.word} {self.namespace}/{self.name}"


class Ended(msgspec.Struct, frozen=True):
    """What became of one; `about` when it is gone and whoever held something of it was waited for."""

    result: str
    about: About | None = None


def run(common: Common, options: Options) -> int:
    """Delete, and say for each object what became of it."""
    if bool(options.target) == bool(options.file):
        raise usage("delete what? write KIND/NAME or -f FILE, one of the two")
    return door.run(_run(common, options, _doomed(options)))


def _doomed(options: Options) -> list[Doomed]:
    if options.target:
        wanted = targets(options.target, named=True)
        return [Doomed(one.kind, options.namespace or DEFAULT_NAMESPACE, one.name) for one in wanted]
    found: list[Doomed] = []
    for document in documents.read(options.file):
        said = manifests.read(document.tree, options.namespace or DEFAULT_NAMESPACE)
        if isinstance(said, Invalid):
            raise CliError(f"{document.where}: {said.message}")
        found.append(Doomed(said.kind, said.metadata.namespace, said.metadata.name))
    return found


async def _run(common: Common, options: Options, doomed: list[Doomed]) -> int:
    """Delete each, also after one that is not there."""
    refused: list[str] = []
    async with door.resources(common) as resources:
        for one in doomed:
            try:
                async with asyncio.timeout(options.timeout):
                    said = await _delete(resources, one, options)
            except TimeoutError as error:
                late = f"{one} is not gone after {options.timeout:g} s: {await _waits_for(resources, one)}"
                raise CliError("; ".join([*refused, late]), Exit.TIMED_OUT) from error
            if isinstance(said, Ended):
                _show(common, one, said.result, await _left(common, one, said.about) if said.about else {})
            else:
                refused.append(f"{said.message}: it was not deleted")
    if refused:
        raise CliError("; ".join(refused))
    return Exit.OK


async def _left(common: Common, one: Doomed, about: About) -> dict[str, tuple[str, ...]]:
    """Return what was left, as the history on NATS has it; who cannot ask there has deleted all the same."""
    try:
        async with door.bus(common) as bus:
            left = await traces.left_behind(bus, about)
    except (CliError, Transient):
        left = None
    if left is None:
        note(f"what was left is not known here yet: shale describe {one.kind.short}/{one.name} -n {one.namespace}")
    return left or {}


def _show(common: Common, one: Doomed, said: str, left: dict[str, tuple[str, ...]]) -> None:
    if common.machine:
        tree = {"kind": one.kind.word, "namespace": one.namespace, "name": one.name, "result": said}
        line({**tree, "left": [name for names in left.values() for name in names]}, common.output)
        return
    say(f"{one} {said}")
    for holder, names in left.items():
        say(f"  {holder} left {'; '.join(names)}")


async def _delete(resources: Resources, one: Doomed, options: Options) -> Ended | Missing | Conflict:
    match await resources.delete(one.kind, one.namespace, one.name, cascade=options.cascade):
        case Removed():
            return Ended("deleted")
        case Missing() if options.file:
            return Ended("was not there")
        case Missing() | Conflict() as refused:
            return refused
        case obj if options.wait == "true":
            await door.until_gone(resources, one.kind, obj)
            about = About(one.kind.word, one.namespace, one.name, obj.metadata.uid, obj.metadata.generation)
            return Ended("deleted", about)
        case _:
            return Ended("is being deleted")


async def _waits_for(resources: Resources, one: Doomed) -> str:
    """Say what a deleting object itself says."""
    obj = await resources.get(one.kind, one.namespace, one.name)
    if isinstance(obj, Missing):
        return obj.message if obj.unreadable else "it went this moment"
    said = next((one.message for one in obj.status.conditions if one.type == "Ready"), "")
    return said or f"it waits for {', '.join(obj.metadata.finalizers) or 'its dependents'}; is the watcher running?"
