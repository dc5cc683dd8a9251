"""Facts and readings as lines for people."""

from collections.abc import Sequence

from shale.contracts.amounts import amount
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import (
    Declared,
    Fact,
    Gone,
    Held,
    ImageBuilt,
    LayerLost,
    LayerPacked,
    LayerRefused,
    LayersPlanned,
    Progressed,
    Refused,
    Released,
    Scanned,
    ScanRefused,
    StorageReady,
    Wanted,
)
from shale.contracts.jobs import place


def describe(fact: Fact) -> str:
    """Return `modelversion team-a/mv-3 #1  LayerPacked  model.safetensors, 86.7Mi new`."""
    about = fact.about
    generation = f" #{about.generation}" if about.generation else ""
    return f"{about.kind} {about.namespace}/{about.name}{generation}  {type(fact).__name__}  {what(fact)}".rstrip()


def what(fact: Fact) -> str:  # noqa: C901, PLR0911, PLR0912 (one line per fact: that is all)
    """Return what a fact says beside its name and whom it is about."""
    match fact:
        case Declared(known=known):
            return f"known as {known.phase}" if known else ""
        case Gone():
            return ""
        case Held(part=part):
            return f"by {part}"
        case Released(part=part, left=left):
            return f"by {part}" + (f", left: {', '.join(left)}" if left else "")
        case Wanted(kind=kind, name=name):
            return f"{kind} {name}"
        case StorageReady():
            return place(fact)
        case Scanned():
            return _scanned(fact)
        case LayersPlanned(layers=layers, tag=tag):
            return f"{_many(len(layers), 'layer')}, {amount(sum(layer.size for layer in layers))}, tag {tag}"
        case LayerPacked(layer=layer):
            return _packed(layer)
        case LayerLost(digest=digest):
            return digest
        case ScanRefused() | LayerRefused() | Refused():
            return f"{fact.reason}: {fact.message}"
        case ImageBuilt(image=image, digest=digest, layers=layers):
            return f"{image}@{digest}, {new_and_reused(layers)}"
        case Progressed():
            return _progressed(fact)


def _scanned(fact: Scanned) -> str:
    """Return `1 large file, 9 tiles, 13 small entries, 1Gi`: a run counts its folders and links too."""
    tiles = [tile for one in fact.checkpoints for tile in one.tiles]
    many = sum(run.count for run in fact.small)
    total = sum(one.size for one in (*fact.files, *tiles, *fact.small))
    cut = f"{_many(len(tiles), 'tile')}, " if tiles else ""
    return (
        f"{_many(len(fact.files), 'large file')}, {cut}{_many(many, 'small entry', 'small entries')}, {amount(total)}"
    )


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _packed(layer: PackedLayer) -> str:
    return f"{layer.name}, {amount(layer.size)} {'reused' if layer.reused else 'new'}"


def new_and_reused(layers: Sequence[PackedLayer]) -> str:
    """Return `86.7Mi new, 746Ki reused`."""
    reused = sum(layer.size for layer in layers if layer.reused)
    return f"{amount(sum(layer.size for layer in layers) - reused)} new, {amount(reused)} reused"


def _progressed(fact: Progressed) -> str:
    done = f" {amount(fact.bytes_done)}" if fact.bytes_done else ""
    said = f" {fact.reason}: {fact.message}" if fact.reason and fact.message else f" {fact.reason or fact.message}"
    return f"{fact.part} {fact.state}{done}{said.rstrip()}"
