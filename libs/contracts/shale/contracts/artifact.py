"""What weights are made of before and after packing: files, small runs, layers.

Nouns of the facts and jobs of the road.
"""

from typing import Annotated

import msgspec

from shale.contracts.openset import words

Role = Annotated[str, words("small", "weight")]
Layout = Annotated[str, words("files", "tensors")]


class File(msgspec.Struct, frozen=True, rename="camel"):
    """One file that is large enough for a layer of its own (16 MiB and more).

    `path` is relative to the model's root with `/`, `size` in bytes, `mode` the permission bits; `version` is whatever
    the source says that changes when the content does (a local file: mtime and ctime in ns and the inode; a hub: its
    digest).
    """

    path: str
    size: int
    mode: int = 0o644
    version: str = ""


class Small(msgspec.Struct, frozen=True, rename="camel"):
    """A run of everything else in path order: small files, directories, links; at most 1 GiB of bytes.

    `first` and `last` are the run's paths, both included. `digest` is the sha256 over its sorted (path, size, mode,
    link), which the worker that packs the run checks again (packing.md). Where checkpoints are cut into tiles, it holds
    their original headers and both indexes, and `digest` is over those files' own digests too.
    """

    first: str
    last: str
    count: int
    size: int
    digest: str


class Tile(msgspec.Struct, frozen=True, rename="camel"):
    """A safetensors file that is made anew of tensors of a checkpoint, for a layer of its own.

    `path` is relative to the model's root, `size` the whole file's in bytes, `digest` that of its header alone: whoever
    reads the checkpoint's headers again must come to the same.
    """

    path: str
    size: int
    digest: str


class Checkpoint(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Safetensors files that belong together, cut into tiles (layout `tensors`): no tensor is named in a message."""

    path: str
    """Where its index lies, or will."""
    shards: tuple[File, ...]
    """The files that it is read from, of any size; the image holds none of them."""
    max_tiles: int
    max_tile_bytes: int
    """With these two and the headers of the shards, anybody cuts the same tiles."""
    index: File | None = None
    """The index as it was listed, if there is one."""
    tiles: tuple[Tile, ...] = ()
    """By path; left out of jobs, each of which says of one layer what it must become."""


class Layer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One layer as planned: either weight files, or one small run, or one tile.

    `part` names it on the bus (`<index>-<first 12 hex of sha256(name)>`, without the try), `name` is for people (a
    path, or `small`), `size` is the sum of its contents in bytes, without the tar's framing.
    """

    part: str
    name: str
    size: int
    files: tuple[File, ...] = ()
    small: Small | None = None
    root: bool = False
    """True for the first layer: it alone holds the directory `models/` itself and the link `kubedl-model`."""
    tile: Tile | None = None


class PackedLayer(msgspec.Struct, frozen=True, rename="camel"):
    """One layer as it lies in the registry: an uncompressed tar blob, so that digest and diffID are one.

    `size` is the blob's, in bytes; `reused` says that no byte of it had to be sent; `count` is how many files it holds.
    """

    name: str
    role: Role
    digest: str
    size: int
    reused: bool = False
    count: int = 1
    table: str = ""
    """Digest of the layer's tensor table, a blob in the same repository; empty when it holds no safetensors files."""
    table_size: int = 0
    """The table's, in bytes."""
