"""Two images held against each other, thing by thing. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from shale.cli.diffing.contents import Contents, Thing

State = Literal["shared", "changed", "added", "removed", "unknown"]


class Sum(msgspec.Struct, frozen=True):
    """How many, and their bytes: those of the second image, or what it lacks."""

    count: int = 0
    bytes: int = 0


class Sums(msgspec.Struct, frozen=True):
    """By what became of them; `unknown` are of the same size, in layers too large to be read for it."""

    shared: Sum
    changed: Sum
    added: Sum
    removed: Sum
    unknown: Sum


class Change(msgspec.Struct, frozen=True):
    """What is not shared: its size before and after, 0 where it is not; `where` is a tensor's file."""

    kind: Literal["layer", "file", "tensor"]
    state: State
    name: str
    before: int
    after: int
    where: str = ""

    @property
    def size(self) -> int:
        """The larger of both."""
        return max(self.before, self.after)


class Side(msgspec.Struct, frozen=True):
    """One of the two."""

    image: str
    digest: str
    layers: int
    bytes: int


class Difference(msgspec.Struct, frozen=True):
    """All of it; `changes` with the largest first. `untabled` are layers of whose tensors nothing is known."""

    a: Side
    b: Side
    layers: Sums
    files: Sums
    tensors: Sums
    changes: tuple[Change, ...]
    untabled: tuple[str, ...]


def between(one: Contents, two: Contents) -> Difference:
    """Return what is different in the second."""
    layers = _held("layer", one.layers, two.layers)
    files = _held("file", one.files, two.files)
    tensors = _held("tensor", one.tensors, two.tensors)
    changes = [change for change in (*layers, *files, *tensors) if change.state != "shared"]
    return Difference(
        _side(one),
        _side(two),
        _sums(layers),
        _sums(files),
        _sums(tensors),
        tuple(sorted(changes, key=lambda one: (-one.size, one.kind, one.name))),
        tuple(dict.fromkeys((*one.untabled, *two.untabled))),
    )


def _side(of: Contents) -> Side:
    layers = of.image.layers
    return Side(str(of.image.reference), of.image.top.digest, len(layers), sum(layer.size for layer in layers))


def _held(kind: Literal["layer", "file", "tensor"], one: Mapping[str, Thing], two: Mapping[str, Thing]) -> list[Change]:
    found: list[Change] = []
    for key in sorted(one.keys() | two.keys()):
        was, now = one.get(key), two.get(key)
        thing = now or was
        if thing is not None:
            sizes = was.size if was else 0, now.size if now else 0
            found.append(Change(kind, _state(was, now), thing.name or key, *sizes, thing.where))
    return found


def _state(was: Thing | None, now: Thing | None) -> State:
    if was is None or now is None:
        return "added" if was is None else "removed"
    alike = now.like(was)
    return "unknown" if alike is None else "shared" if alike else "changed"


def _sums(changes: list[Change]) -> Sums:
    def sum_of(state: State) -> Sum:
        sizes = [one.before if state == "removed" else one.after for one in changes if one.state == state]
        return Sum(len(sizes), sum(sizes))

    return Sums(sum_of("shared"), sum_of("changed"), sum_of("added"), sum_of("removed"), sum_of("unknown"))
