"""`shale get`: objects as a table, as YAML or as JSON; with `-w` also whatever changes."""

import asyncio
import datetime as dt
from contextlib import aclosing

import msgspec

from shale.cli import door, rows, screen
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit
from shale.cli.kinds import DEFAULT_NAMESPACE, Target, target
from shale.cli.screen import Sheet, note
from shale.contracts.resources import Object
from shale.kube import manifests
from shale.kube.resources import Missing, Resources
from shale.kube.watch import Interrupted, Synced, changes


class Options(msgspec.Struct, frozen=True):
    """`timeout` in seconds, of a watch; 0 for none."""

    target: list[str]
    namespace: str = ""
    all_namespaces: bool = False
    watch: bool = False
    timeout: float = 0

    @property
    def within(self) -> str | None:
        """The namespace to look into, None for all."""
        return None if self.all_namespaces else self.namespace or DEFAULT_NAMESPACE


def run(common: Common, options: Options) -> int:
    """Show what there is."""
    wanted = target(options.target)
    return door.run(_run(common, options, wanted))


async def _run(common: Common, options: Options, wanted: Target) -> int:
    async with door.resources(common) as resources:
        if options.watch:
            return await _watch(common, options, wanted, resources)
        found = await _find(options, wanted, resources)
    _show(common, options, wanted, found)
    return Exit.OK


async def _find(options: Options, wanted: Target, resources: Resources) -> tuple[Object, ...]:
    within = options.within
    if not wanted.name:
        return (await resources.list(wanted.kind, within)).items
    if within is None:
        items = (await resources.list(wanted.kind)).items
        found = tuple(obj for obj in items if obj.metadata.name == wanted.name)
        return found or _missing(f"{wanted} is in no namespace: `shale get {wanted.kind.short} -A` lists all")
    obj = await resources.get(wanted.kind, within, wanted.name)
    if isinstance(obj, Missing):
        return _missing(f"{obj.message}: `shale get {wanted.kind.short} -A` lists those of all namespaces")
    return (obj,)


def _missing(message: str) -> tuple[Object, ...]:
    raise CliError(message)


def _show(common: Common, options: Options, wanted: Target, found: tuple[Object, ...]) -> None:
    if common.machine:
        trees = [manifests.of(obj) for obj in found]
        single = wanted.name and len(trees) == 1
        screen.document(trees[0] if single else {"apiVersion": "v1", "kind": "List", "items": trees}, common.output)
    elif found:
        _table(common, options, wanted).show([_row(common, options, wanted, obj) for obj in found])
    else:
        where = f"in namespace {options.within}" if options.within else "in any namespace"
        note(f"no {wanted.kind.plural} {where}")


def _table(common: Common, options: Options, wanted: Target) -> Sheet:
    return Sheet(rows.header(wanted.kind, wide=common.output == "wide", namespaces=options.all_namespaces))


def _row(common: Common, options: Options, wanted: Target, obj: Object) -> tuple[str, ...]:
    now = dt.datetime.now(dt.UTC)
    wide, namespaces = common.output == "wide", options.all_namespaces
    return rows.row(wanted.kind, manifests.of(obj), now, wide=wide, namespaces=namespaces)


async def _watch(common: Common, options: Options, wanted: Target, resources: Resources) -> int:
    """Show each object, then each change, until interrupted or `timeout` has passed: that is how a watch ends."""
    table = _table(common, options, wanted)
    try:
        async with asyncio.timeout(options.timeout or None), aclosing(changes(resources, wanted.kind)) as told:
            async for change in told:
                match change:
                    case Synced():
                        continue
                    case Interrupted(message, again_in):
                        note(f"{message}; looking again in {again_in:g} s")
                    case _ if not _about(options, wanted, change.object):
                        continue
                    case _ if common.machine:
                        screen.line(manifests.of(change.object))
                    case _:
                        table.show([_row(common, options, wanted, change.object)])
    except TimeoutError:
        return Exit.OK
    return Exit.OK


def _about(options: Options, wanted: Target, obj: Object) -> bool:
    meta = obj.metadata
    return options.within in {None, meta.namespace} and wanted.name in {"", meta.name}
