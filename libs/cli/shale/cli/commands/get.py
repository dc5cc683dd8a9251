"""`shale get`: objects as a table, as YAML or as JSON; with `-w` also whatever changes."""

import asyncio
import datetime as dt
from contextlib import aclosing

import msgspec

from shale.cli import door, rows, screen
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.kinds import DEFAULT_NAMESPACE, Target, targets
from shale.cli.screen import Sheet, note
from shale.contracts.resources import Object
from shale.kube import manifests
from shale.kube.resources import Listing, Missing, Obscured, Resources, Unreadable
from shale.kube.watch import Interrupted, Synced, changes

Found = tuple[Target, tuple[Object, ...]]
"""What was asked for, and what there is of it."""


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
    wanted = targets(options.target)
    if options.watch and len({one.kind.kind for one in wanted}) > 1:
        raise usage("-w watches one kind at a time: start one `shale get -w` for each")
    return door.run(_run(common, options, wanted))


async def _run(common: Common, options: Options, wanted: list[Target]) -> int:
    async with door.resources(common) as resources:
        if options.watch:
            return await _watch(common, options, wanted, resources)
        found, missing = await _find_all(options, wanted, resources)
    if found:
        _show(common, options, found)
    if missing:
        raise CliError("; ".join(missing))
    return Exit.OK


async def _find_all(options: Options, wanted: list[Target], resources: Resources) -> tuple[list[Found], list[str]]:
    """Return what was found by target, and what is to be said of those that are not there."""
    found: list[Found] = []
    missing: list[str] = []
    for one in wanted:
        try:
            found.append((one, await _find(options, one, resources)))
        except CliError as error:
            missing.append(str(error))
    return found, missing


async def _find(options: Options, wanted: Target, resources: Resources) -> tuple[Object, ...]:
    within = options.within
    if not wanted.name:
        return _read(await resources.list(wanted.kind, within))
    if within is None:
        items = (await resources.list(wanted.kind)).items
        found = tuple(obj for obj in items if obj.metadata.name == wanted.name)
        return found or _missing(f"{wanted} is in no namespace: `shale get {wanted.kind.short} -A` lists all")
    obj = await resources.get(wanted.kind, within, wanted.name)
    if isinstance(obj, Missing) and obj.unreadable:
        return _missing(obj.message)
    if isinstance(obj, Missing):
        return _missing(f"{obj.message}: `shale get {wanted.kind.short} -A` lists those of all namespaces")
    return (obj,)


def _read(listing: Listing) -> tuple[Object, ...]:
    """Return what can be read, and say of each thing that cannot what it is."""
    for one in listing.unreadable:
        note(one.message)
    return listing.items


def _missing(message: str) -> tuple[Object, ...]:
    raise CliError(message)


def _show(common: Common, options: Options, found: list[Found]) -> None:
    if common.machine:
        trees = [manifests.of(obj) for _, objects in found for obj in objects]
        single = len(targets(options.target)) == 1 and found[0][0].name and len(trees) == 1
        screen.document(trees[0] if single else {"apiVersion": "v1", "kind": "List", "items": trees}, common.output)
        return
    tables: dict[str, Found] = {}
    for wanted, objects in found:  # a table for each kind
        kept = tables.get(wanted.kind.kind, (wanted, ()))
        tables[wanted.kind.kind] = (kept[0], (*kept[1], *objects))
    for wanted, objects in tables.values():
        _tabulate(common, options, wanted, objects)


def _tabulate(common: Common, options: Options, wanted: Target, found: tuple[Object, ...]) -> None:
    if found:
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


async def _watch(common: Common, options: Options, wanted: list[Target], resources: Resources) -> int:
    """Show each object, then each change, until interrupted or `timeout` has passed: that is how a watch ends."""
    table, names = _table(common, options, wanted[0]), {one.name for one in wanted}
    try:
        async with asyncio.timeout(options.timeout or None), aclosing(changes(resources, wanted[0].kind)) as told:
            async for change in told:
                match change:
                    case Synced(_, _, unreadable):
                        for one in unreadable:
                            note(one.message)
                    case Interrupted(message, again_in):
                        note(f"{message}; looking again in {again_in:g} s")
                    case _ if not _about(options, names, change.object):
                        continue
                    case Obscured(one):
                        note(one.message)
                    case _ if common.machine:
                        screen.line(manifests.of(change.object), common.output)
                    case _:
                        table.show([_row(common, options, wanted[0], change.object)])
    except TimeoutError:
        return Exit.OK
    return Exit.OK


def _about(options: Options, names: set[str], obj: Object | Unreadable) -> bool:
    meta = obj.metadata
    return options.within in {None, meta.namespace} and bool(names & {"", meta.name})
