"""The source files of an image that was cut into tiles, byte for byte: each header as it was, each tensor from a tile.

A safetensors file is its header and its tensors without a gap, so that whoever has proven both has proven the file.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from blake3 import blake3

from shale.cli.exits import CliError
from shale.cli.pulling import shelf
from shale.contracts.errors import Transient
from shale.oci import disk
from shale.oci.unpack import Unsafe, settle
from shale.weights import index, restore, safetensors
from shale.weights.restore import Held
from shale.weights.safetensors import Broken, Header
from shale.weights.table import Range

OURS = Path(".shale")
"""What an image of tiles has beside its files; `shale.builder_sync.cutting` says what lies there."""
ORIGINALS, TILES = OURS / "originals", ".tiles"
_SUFFIX = ".safetensors"


class Restored(msgspec.Struct, frozen=True):
    """Files that were given back, and how many of their tensors were found as a table has them."""

    files: int = 0
    proven: int = 0


class Named(msgspec.Struct, frozen=True):
    """What an image says of one checkpoint: which of its files are tiles, by their paths."""

    tiles: tuple[str, ...]


class Checkpoint(msgspec.Struct, frozen=True):
    """One checkpoint: its index among the tiles, the tiles, and the source's safetensors files, relative paths all."""

    index: str
    tiles: tuple[str, ...]
    shards: tuple[str, ...]


def give_back(files: Path, spare: Path, tables: Iterable[Range]) -> Restored:
    """Make the source's files of what was pulled into `files`, by way of `spare` on the same disk.

    An image whose files are its source's already stays as it is. Raises CliError when anything does not fit.
    """
    kept = files / ORIGINALS
    if not _is_folder(files / OURS) or not _is_folder(kept):
        return Restored()
    digests = {(one.file, one.name): one.digest for one in tables}
    spare.mkdir()
    try:
        found = tuple(_checkpoints(files, kept))
        proven = sum(_checkpoint(files, spare, one, digests) for one in found)
        others = [path for path in _regular(kept) if path.endswith(index.SUFFIX)]
        for path in others:
            shutil.copy(kept / path, _made(spare / path))
        _replace(files, spare, found)
    except (Transient, KeyboardInterrupt):
        shutil.rmtree(spare, ignore_errors=True)  # the tiles stay, and with them what was fetched
        raise
    except (ValueError, FileNotFoundError) as error:
        cure = "pull it without --original, its tiles are whole"
        raise CliError(f"the source's files cannot be given back: {error}: {cure}") from error
    return Restored(sum(len(one.shards) for one in found) + len(others), proven)


def _checkpoints(files: Path, kept: Path) -> Iterator[Checkpoint]:
    """Yield the checkpoints. ValueError: of a source's file no tiles are here."""
    left = {path for path in _regular(kept) if path.endswith(_SUFFIX)}
    here = {path for path in _regular(files) if not path.startswith(f"{OURS}/")}
    for path in sorted(here):
        if path.endswith(index.SUFFIX):
            shards = _shards(kept, path) & left
            left -= shards
            if shards:
                tiles = _tiles(kept / f"{path}{TILES}", path, here)
                here -= set(tiles)  # none is a tile of two
                yield Checkpoint(path, tiles, tuple(sorted(shards)))
    if left:
        raise ValueError(f"no tiles of {min(left)} are here")


def _shards(kept: Path, path: str) -> set[str]:
    """Return the source's files that an index is about, by the source's own index or by the name of the only one."""
    folder = path.rpartition("/")[0]
    lone = path.removesuffix(index.SUFFIX) + _SUFFIX
    if not _is_regular(kept / path):
        return {lone}
    return {f"{folder}/{name}" if folder else name for name in set(_read_index(kept / path).weight_map.values())}


def _tiles(named: Path, path: str, here: set[str]) -> tuple[str, ...]:
    """Return the tiles of an index, as the image names them: what only looks like one is the user's."""
    if not _is_regular(named):
        raise ValueError(f"which files are tiles of {path} is said nowhere")
    try:
        tiles = msgspec.json.decode(_whole(named), type=Named).tiles
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"what names the tiles of {path} cannot be read: {error}") from error
    for tile in tiles:
        if tile not in here or not tile.endswith(_SUFFIX):
            raise ValueError(f"{tile[:80]!r} is named as a tile of {path}, and is none here")
    return tiles


def _checkpoint(files: Path, spare: Path, one: Checkpoint, digests: Mapping[tuple[str, str], str]) -> int:
    """Write the shards of one checkpoint; return how many tensors are as the tables have them."""
    there: dict[str, Held] = {}
    for tile in one.tiles:
        for name, held in restore.held({tile: _header(files / tile)}).items():
            there.setdefault(name, held)
    proven = 0
    for shard in one.shards:
        kept = files / ORIGINALS / shard
        header = _parsed(_whole(kept), shard)
        target = _made(spare / shard)
        _write(files, target, kept, restore.slices(header, there))
        for tensor in header.tensors:
            held = there[tensor.name]
            digest = digests.get((held.file, tensor.name), "")
            proven += _prove(files, target, header.length + tensor.start, held, digest)
    return proven


def _write(files: Path, target: Path, kept: Path, slices: tuple[restore.Slice, ...]) -> None:
    """Write a file: the header that was kept, and the data from the tiles. ValueError: a tile is too short."""
    fd = os.open(
        target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, kept.stat().st_mode & 0o777
    )
    try:
        with disk.passing(f"write {target}"):
            disk.write_all(fd, _whole(kept))
            for piece in slices:
                left = piece.length
                with shelf.opened(str(files / piece.file)) as tile:
                    for block in shelf.blocks(tile, piece.offset, piece.offset + piece.length):
                        disk.write_all(fd, block)
                        left -= len(block)
                if left:
                    raise ValueError(f"{piece.file} is too short")
    finally:
        os.close(fd)


def _prove(files: Path, target: Path, start: int, held: Held, digest: str) -> bool:
    """Say whether a tensor that was written is the table's. ValueError: it is not even the tile's.

    The tile was proven by its layer's digest: where a table has another one, the table lies.
    """
    written = _hashed(target, start, held.tensor.size)
    if written == digest:
        return True
    if written != _hashed(files / held.file, held.offset, held.tensor.size):
        raise ValueError(f"{held.tensor.name[:80]!r} was written to {target.name} with other bytes than it has")
    return False


def _hashed(path: Path, start: int, size: int) -> str:
    hasher = blake3()
    with shelf.opened(str(path)) as fd:
        for block in shelf.blocks(fd, start, start + size):
            hasher.update(block)
    return f"blake3:{hasher.hexdigest()}"


def _replace(files: Path, spare: Path, found: tuple[Checkpoint, ...]) -> None:
    """Let the source's files be in the place of the tiles."""
    for one in found:
        for path in (one.index, *one.tiles):
            (files / path).unlink()
    shutil.rmtree(files / ORIGINALS)
    if not any((files / OURS).iterdir()):
        (files / OURS).rmdir()
    if isinstance(unfit := settle(spare, files), Unsafe):
        raise ValueError(unfit.message)  # noqa: TRY004 (a value)


def _header(path: Path) -> Header:
    with shelf.opened(str(path)) as fd:
        size = os.fstat(fd).st_size
        whole = safetensors.length(os.pread(fd, safetensors.PREFIX, 0), size)
        found = whole if isinstance(whole, Broken) else safetensors.parse(os.pread(fd, whole, 0), size)
    if isinstance(found, Broken):
        raise ValueError(f"{path.name} has no header: byte {found.offset}: {found.reason}")  # noqa: TRY004 (a value)
    return found


def _parsed(data: bytes, shard: str) -> Header:
    found = safetensors.parse(data, len(data) + shelf.claimed(data))
    if isinstance(found, Broken) or found.length != len(data):
        raise ValueError(f"what is kept of {shard} is no header")
    return found


def _read_index(path: Path) -> index.Index:
    found = index.parse(_whole(path))
    if isinstance(found, str):
        raise ValueError(f"{path.name}: {found}")  # noqa: TRY004 (a value)
    return found


def _whole(path: Path) -> bytes:
    """Return what is kept of a source, held whole. ValueError: it is too much, for the image may be anybody's."""
    with path.open("rb") as file:
        data = file.read(index.MOST + 1)
    if len(data) > index.MOST:
        raise ValueError(f"{path.name} has more than {index.MOST} bytes, which nobody keeps")
    return data


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _regular(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, no links."""
    found = (Path(above, name) for above, _, names in os.walk(folder) for name in names)
    return sorted(path.relative_to(folder).as_posix() for path in found if not path.is_symlink())
