"""Which files become which layers (packing.md, layouts). The same files give the same plan, on any host."""

from collections.abc import Sequence
from typing import Final

import msgspec

from shale.contracts.artifact import Checkpoint, File, Layer, Small, Tile
from shale.oci import digest, tarball
from shale.oci.limits import GiB, Limits

GROUP: Final = 4 * GiB
"""Where shards are grouped, a group is filled to this: four seconds of one sha256 stream (1.2 GB/s, measured)."""

_SPARE = 3  # with one small layer of 60: total/56, and room for what the cuts by hash add
_HASH_BITS = 256


class Unplannable(msgspec.Struct, frozen=True):
    """No plan fits the registry; `message` holds the arithmetic and the way out."""

    reason: str
    message: str


def plan_layers(
    files: Sequence[File], small: Sequence[Small], limits: Limits, tiles: Sequence[Tile] = ()
) -> tuple[Layer, ...] | Unplannable:
    """Return the layers in their order in the image: small runs, tiles, and weight files, each by path.

    There is always a first run, for the image's own entries; a tile has its layer for itself.
    """
    for file in files:
        if (held := _blob([file])) > limits.max_layer_bytes:
            return _too_large(file, held, limits)
    runs = [_small(index, run) for index, run in enumerate(small or (None,))]
    first = [*runs, *(_tile(index, tile) for index, tile in enumerate(sorted(tiles, key=_path), len(runs)))]
    groups = _groups(sorted(files, key=_path), limits.max_layers - len(first), limits)
    if groups is None or any(_framed(tile) > limits.max_layer_bytes for tile in tiles):
        return _too_many(files, first, limits)
    return (*first, *(_weights(index, group) for index, group in enumerate(groups, len(first))))


def room_for_tiles(files: Sequence[File], runs: int, cut: int, limits: Limits) -> int:
    """Return how many layers tiles may take that hold `cut` bytes: what runs leave, and weight files by their bytes.

    The files get as many as they need, and no more than one each.
    """
    room = limits.max_layers - max(1, runs)
    if not files:
        return room
    held = sum(file.size for file in files)
    least = min(len(files), room * held // (held + cut))
    weighed = [_weigh(file) for file in sorted(files, key=_path)]
    fits = (count for count in range(max(1, least), room) if len(_fewest(weighed, count, limits)) <= count)
    return room - next(fits, room)


def cut_from(layer: Layer, checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
    """Return what the job of a layer says of the checkpoints: a tile is of one, a small run has something of all."""
    return tuple(
        msgspec.structs.replace(one, tiles=())
        for one in checkpoints
        if not layer.files and (layer.tile is None or layer.tile in one.tiles)
    )


def entry(tile: Tile, version: str = "") -> tarball.Entry:
    """Return a tile as the tar's entry; `version` is over all that it is read from."""
    return tarball.Entry(tile.path, size=tile.size, version=version)


def part(index: int, name: str) -> str:
    """Return a layer's name on the bus, without the try."""
    return f"{index}-{digest.hexadecimal(digest.of(name.encode()))[:12]}"


def entries(files: Sequence[File]) -> tuple[tarball.Entry, ...]:
    """Return weight files as the tar's entries, in path order."""
    return tuple(
        tarball.Entry(file.path, size=file.size, mode=file.mode, version=file.version)
        for file in sorted(files, key=_path)
    )


def _small(index: int, run: Small | None) -> Layer:
    name = f"small-{index + 1}" if index else "small"
    return Layer(part(index, name), name, run.size if run else 0, small=run, root=index == 0)


def _tile(index: int, tile: Tile) -> Layer:
    return Layer(part(index, tile.path), tile.path, tile.size, tile=tile)


def _weights(index: int, group: list[File]) -> Layer:
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    name = group[0].path + more
    return Layer(part(index, name), name, sum(file.size for file in group), files=tuple(group))


class _Weighed(msgspec.Struct, frozen=True):
    """A file, how many bytes of tar it makes, and in how many zero bits its name's hash ends."""

    file: File
    blob: int
    zeros: int


def _weigh(file: File) -> _Weighed:
    hashed = int(digest.hexadecimal(digest.of(file.path.encode())), 16)
    return _Weighed(file, _blob([file]) - len(tarball.END), (hashed & -hashed).bit_length() - 1)


def _groups(files: list[File], room: int, limits: Limits) -> list[list[File]] | None:
    """Return the files in at most `room` groups, cut at as few zero bits as fit: at none, each is its own layer."""
    weighed = [_weigh(file) for file in files]
    fill, cap = _fill(weighed, room), limits.max_layer_bytes - len(tarball.END)
    for bits in range(_HASH_BITS):
        groups = _cut(weighed, fill, cap, bits)
        if len(groups) <= room:
            return groups
    return None


def _fewest(files: list[_Weighed], room: int, limits: Limits) -> list[list[File]]:
    """Return the groups for this room when no name cuts them."""
    return _cut(files, _fill(files, room), limits.max_layer_bytes - len(tarball.END), _HASH_BITS)


def _fill(files: list[_Weighed], room: int) -> int:
    return max(GROUP, sum(weighed.file.size for weighed in files) // max(1, room - _SPARE))


def _cut(files: list[_Weighed], fill: int, cap: int, bits: int) -> list[list[File]]:
    """Cut after a group that is full, after a file whose name's hash ends in `bits` zeros, and before the cap."""
    groups: list[list[File]] = []
    held, ended = 0, True
    for weighed in files:
        if ended or held + weighed.blob > cap:
            groups.append([])
            held = 0
        groups[-1].append(weighed.file)
        held += weighed.blob
        ended = weighed.zeros >= bits or held >= fill
    return groups


def _blob(files: list[File]) -> int:
    return tarball.size(entries(files))


def _framed(tile: Tile) -> int:
    return tarball.size([entry(tile)])


def _too_large(file: File, held: int, limits: Limits) -> Unplannable:
    pieces = -(-held // limits.max_layer_bytes)
    return Unplannable(
        "LayerTooLarge",
        f"{file.path} makes a layer of {held} bytes and {limits.name} takes at most "
        f"{limits.max_layer_bytes} ({limits.whence}): "
        f"save the model in at least {pieces} shards, choose layout: tensors (safetensors only), or another registry",
    )


def _too_many(files: Sequence[File], first: list[Layer], limits: Limits) -> Unplannable:
    total = sum(file.size for file in files) + sum(layer.size for layer in first)
    tiles = sum(layer.tile is not None for layer in first)
    what = f"{len(files)} weight files" + (f", {tiles} tiles" if tiles else "")
    return Unplannable(
        "TooManyLayers",
        f"{what} and {len(first) - tiles} runs of small files, {total} bytes in all, do not fit into "
        f"{limits.max_layers} layers of at most {limits.max_layer_bytes} bytes in {limits.name} ({limits.whence}): "
        "exclude what serving does not need, or split the model",
    )


def _path(file: File | Tile) -> str:
    return file.path
