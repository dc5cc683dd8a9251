"""`shale diff`: what another image has in common with one, and what not: layers, files, tensors, and their bytes."""

from collections.abc import Iterator

import msgspec

from shale.cli import images
from shale.cli.common import Common
from shale.cli.diffing import contents
from shale.cli.diffing.difference import Change, Difference, Side, Sums, between
from shale.cli.exits import Exit
from shale.cli.registries import Reach, opened
from shale.cli.screen import line, show
from shale.contracts.amounts import amount

SHOWN = 10
"""Changes that are shown without `--all`."""


class Options(msgspec.Struct, frozen=True):
    """The images, and how their registries are reached."""

    a: str
    b: str
    all: bool = False
    secret: str = ""
    insecure: bool = False


def run(common: Common, options: Options) -> int:
    """Compare, and show."""
    references = [images.parse(name) for name in (options.a, options.b)]
    stores = [opened(common, one.repo, Reach(options.secret, options.insecure)) for one in references]
    pair = [images.find(store, reference) for store, reference in zip(stores, references, strict=True)]
    known = frozenset(layer.digest for layer in pair[0].layers) & {layer.digest for layer in pair[1].layers}
    one, two = (contents.look(store, image, known) for store, image in zip(stores, pair, strict=True))
    found = between(one, two)
    if common.machine:
        line(msgspec.to_builtins(found), common.output)
    else:
        show(_lines(found, len(found.changes) if options.all else SHOWN))
    return Exit.OK


def _lines(found: Difference, most: int) -> Iterator[str]:
    yield _side("A", found.a)
    yield _side("B", found.b)
    yield f"layers   {_sums(found.layers)}"
    yield f"files    {_sums(found.files)}"
    if any(change.kind == "tensor" for change in found.changes) or found.tensors.shared.count:
        yield f"tensors  {_sums(found.tensors)}"
    for name in found.untabled:
        yield f"of the tensors in {name} nothing is known: it has no table"
    changes = [change for change in found.changes if change.kind != "layer"]
    if changes:
        yield "" if most >= len(changes) else f"the largest {most} of {len(changes)} changes (--all shows all of them):"
    for change in changes[:most]:
        yield _change(change)


def _side(name: str, side: Side) -> str:
    return f"{name}  {side.image}  {side.digest}  {side.layers} layers, {amount(side.bytes)}"


def _sums(sums: Sums) -> str:
    told = {
        "shared": sums.shared,
        "changed": sums.changed,
        "added": sums.added,
        "removed": sums.removed,
        "unknown": sums.unknown,
    }
    return ", ".join(f"{one.count} {state} ({amount(one.bytes)})" for state, one in told.items() if one.count) or "none"


def _change(change: Change) -> str:
    size = {"added": f"+{amount(change.after)}", "removed": f"-{amount(change.before)}"}.get(change.state, "")
    size = size or (amount(change.after) if change.before == change.after else _grown(change))
    where = f"  in {change.where}" if change.where else ""
    return f"  {change.state:<8}{size:>10}  {change.kind:<7} {change.name}{where}"


def _grown(change: Change) -> str:
    return f"{amount(change.before)}>{amount(change.after)}"
