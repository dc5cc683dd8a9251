"""Which files become which layers: layout `files` of packing.md. The same files give the same plan, on any host."""

from collections.abc import Sequence
from typing import Final

import msgspec

from shale.contracts.artifact import File, Layer, Small
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


def plan_layers(files: Sequence[File], small: Sequence[Small], limits: Limits) -> tuple[Layer, ...] | Unplannable:
    """Return the layers in their order in the image: small runs (there is always a first one), then weights by path."""
    for file in files:
        if (held := _blob([file])) > limits.max_layer_bytes:
            return _too_large(file, held, limits)
    first = [_small(index, run) for index, run in enumerate(small or (None,))]
    groups = _groups(sorted(files, key=_path), limits.max_layers - len(first), limits)
    if groups is None:
        return _too_many(files, first, limits)
    return (*first, *(_weights(index, group) for index, group in enumerate(groups, len(first))))


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
    fill = max(GROUP, sum(file.size for file in files) // max(1, room - _SPARE))
    weighed = [_weigh(file) for file in files]
    for bits in range(_HASH_BITS):
        groups = _cut(weighed, fill, limits.max_layer_bytes - len(tarball.END), bits)
        if len(groups) <= room:
            return groups
    return None


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
    return Unplannable(
        "TooManyLayers",
        f"{len(files)} weight files and {len(first)} runs of small files, {total} bytes in all, do not fit into "
        f"{limits.max_layers} layers of at most {limits.max_layer_bytes} bytes in {limits.name} ({limits.whence}): "
        "exclude what serving does not need, or split the model",
    )


def _path(file: File) -> str:
    return file.path
