"""`shale forget`: who still holds something of an object that is being deleted; with `--force` nobody is waited for."""

import asyncio
from typing import Any

import msgspec

from shale.cli import door, leftovers, traces
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit
from shale.cli.kinds import DEFAULT_NAMESPACE, Target, target
from shale.cli.screen import line, say
from shale.cli.traces import Found
from shale.contracts.facts import Released
from shale.kube.resources import Resources
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.jetplane import JetPlane

Holders = dict[str, tuple[str, ...]]
"""Who holds something, and what stays of it when it is never undone."""


class Options(msgspec.Struct, frozen=True):
    """`force`: end the waiting; then at most `timeout` seconds for the object to go."""

    target: list[str]
    namespace: str = ""
    force: bool = False
    timeout: float = 300


def run(common: Common, options: Options) -> int:
    """Say what is held, or end the waiting for those who hold it."""
    wanted = target(options.target, named=True)
    return door.run(_run(common, options, wanted, options.namespace or DEFAULT_NAMESPACE))


async def _run(common: Common, options: Options, wanted: Target, namespace: str) -> int:
    async with door.both(common) as (bus, resources):
        found = await traces.find(bus, resources, wanted, namespace)
        if found is None:
            raise CliError(f"{wanted.kind.word} {namespace}/{wanted.name} is not there, and nothing is told of it")
        told = await traces.levels(bus, found.about)
        holders = {holder: leftovers.would_leave(holder, told) for holder in told.holders}
        if not options.force:
            _show(common, found, holders)
            return Exit.OK
        if not found.deleting:
            cure = f"`shale delete {wanted.kind.short}/{wanted.name} -n {namespace}` first"
            raise CliError(f"{_name(found)} is not being deleted, and would lose what it needs: {cure}")
        await _let_go(bus, found, holders)
        await _gone(resources, wanted, found, options.timeout)
    _tell(common, found, holders)
    return Exit.OK


async def _let_go(bus: Bus, found: Found, holders: Holders) -> None:
    """Say `Released` in the place of each: whoever comes back finds that there is nothing to undo any more."""
    plane = JetPlane(bus, "cli")
    for holder, left in holders.items():
        await plane.say(Released(found.about.whole(), holder, left))


async def _gone(resources: Resources, wanted: Target, found: Found, seconds: float) -> None:
    if found.object is None:
        return
    try:
        async with asyncio.timeout(seconds):
            await door.until_gone(resources, wanted.kind, found.object)
    except TimeoutError as error:
        cure = "nobody holds it any more: is the watcher running? (`shale up`)"
        raise CliError(f"{_name(found)} is not gone after {seconds:g} s; {cure}", Exit.TIMED_OUT) from error


def _show(common: Common, found: Found, holders: Holders) -> None:
    if common.machine:
        line({**_tree(found), "deleting": found.deleting, "holders": holders}, common.output)
        return
    state = "is being deleted" if found.deleting else "is not being deleted"
    state = state if found.object else "is not there any more, but remembered"
    who = f"held by {', '.join(holders)}" if holders else "held by nobody"
    say(f"{_name(found)} {state}, {who}")
    for holder, left in holders.items():
        say(f"  {holder} would leave {'; '.join(left) or 'nothing'}")
    if holders and found.deleting:
        about = found.about
        say(f"to wait for none of them: shale forget {about.kind}/{about.name} -n {about.namespace} --force")


def _tell(common: Common, found: Found, holders: Holders) -> None:
    if common.machine:
        line({**_tree(found), "result": "forgotten", "left": holders}, common.output)
        return
    say(f"{_name(found)} forgotten")
    for holder, left in holders.items():
        say(f"  {holder} left {'; '.join(left) or 'nothing'}")


def _tree(found: Found) -> dict[str, Any]:
    about = found.about
    return {"kind": about.kind, "namespace": about.namespace, "name": about.name, "uid": about.uid}


def _name(found: Found) -> str:
    return f"{found.about.kind} {found.about.namespace}/{found.about.name}"
