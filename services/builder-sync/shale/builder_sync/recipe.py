"""Files that no source has: each is made of bytes at hand and of ranges of files that a source has."""

from collections.abc import Generator

import msgspec

from shale.oci.digest import Block
from shale.oci.tarball import Content
from shale.sources.source import BLOCK, Source


class Part(msgspec.Struct, frozen=True, gc=False):
    """The bytes of a listed file from `begin` on, up to `end` and not with it; not none."""

    content: Content
    begin: int
    end: int


Recipe = tuple[bytes | Part, ...]
"""What a file is made of, in its order."""


def blocks(source: Source, recipe: Recipe, offset: int = 0) -> Generator[Block]:
    """Return the file's bytes from `offset` on, each part opened and checked as `Source.open` does; a block at a time.

    A block may be used again after the next is asked for.
    """
    for piece in recipe:
        size = len(piece) if isinstance(piece, bytes) else piece.end - piece.begin
        skip, offset = min(offset, size), max(offset - size, 0)
        if skip == size:
            continue
        if isinstance(piece, bytes):
            held = memoryview(piece)
            yield from (held[at : at + BLOCK] for at in range(skip, size, BLOCK))
        else:
            yield from source.open(piece.content, piece.begin + skip, piece.end)
