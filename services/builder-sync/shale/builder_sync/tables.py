"""The tensors of a layer, hashed while its bytes pass by on their way to a registry: each once, in the same reading.

What is read again, from whatever byte, is not hashed again. A file that is no safetensors file after all, or has a
header beyond any bound, is packed all the same: it is the user's; it only has no place in the table.
"""

import logging
from collections.abc import Generator, Iterable
from contextlib import closing

import msgspec
from blake3 import blake3

from shale.builder_sync.cutting import ORIGINALS
from shale.contracts.artifact import PackedLayer
from shale.contracts.errors import Transient
from shale.oci import digest, tarball
from shale.oci.digest import Block
from shale.oci.registry import Mismatch, Pushed, Registry, push
from shale.oci.tarball import Content, Entry
from shale.weights import safetensors, table
from shale.weights.safetensors import Broken, Header
from shale.weights.table import Range

SUFFIX = ".safetensors"
LONGEST = 8 * 2**20
"""Bytes of a header that is held whole: some 60,000 tensors. What a worker may hold is bounded."""

log = logging.getLogger("shale.builder-sync")


class Span(msgspec.Struct, frozen=True):
    """Where a file's contents lie in the layer: `size` bytes from the layer's byte `begin` on."""

    path: str
    begin: int
    size: int


def spans(entries: Iterable[Entry], *, root: bool = False) -> tuple[Span, ...]:
    """Return where the safetensors files of a layer lie in it, framed as `tarball.frame` does.

    The headers that a cut image keeps of its source's files are none: no tensor follows them.
    """
    found: list[Span] = []
    at = 0
    for piece in tarball.frame(entries, root=root):
        size = piece.size if isinstance(piece, Content) else len(piece)
        if isinstance(piece, Content) and piece.path.endswith(SUFFIX) and not piece.path.startswith(f"{ORIGINALS}/"):
            found.append(Span(piece.path, at, size))
        at += size
    return tuple(found)


class Tee:
    """What one layer's bytes are heard by. Not for several threads at once."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._files = tuple(_File(span) for span in spans)
        self._past = 0
        self.heard = 0
        """Bytes from the layer's start on that were heard: what comes next is heard from there."""

    def over(self, blocks: Generator[Block], at: int) -> Generator[Block]:
        """Yield the blocks, which begin at the layer's byte `at`, and hear each before it is yielded."""
        with closing(blocks):
            for block in blocks:
                self.hear(at, block)
                at += len(block)
                yield block

    def hear(self, at: int, block: Block) -> None:
        """Hear what is new of the bytes that lie at `at`; nothing is, while bytes before them are still to come."""
        if not at <= self.heard < at + len(block):
            return
        new = memoryview(block)[self.heard - at :]
        start, self.heard = self.heard, self.heard + len(new)
        for file in self._files[self._past :]:
            begin, end = file.span.begin - start, file.span.begin + file.span.size - start
            if begin >= len(new):
                return
            file.hear(new[max(begin, 0) : end])
            self._past += end <= len(new)

    def table(self, layer: Pushed) -> bytes | None:
        """Return the table of a layer that was heard to its end, encoded; None when no tensor lies in it."""
        if self.heard != layer.size:
            raise ValueError(f"of the {layer.size} bytes of {layer.digest} only {self.heard} were heard")
        found = [one for file in self._files for one in file.ranges()]
        if not found:
            return None
        try:
            data = table.encode(table.build(layer.digest, layer.size, found))
        except ValueError as error:
            log.warning("a layer has no tensor table", extra={"layer": layer.digest, "error": str(error)})
            return None
        if len(data) > table.MOST:
            why = f"it would have {len(data)} bytes; at most {table.MOST} are read"
            log.warning("a layer has no tensor table", extra={"layer": layer.digest, "error": why})
            return None
        return data


def publish(registry: Registry, repo: str, tee: Tee, packed: PackedLayer) -> PackedLayer:
    """Have the table of a layer that was heard to its end in the repository, and name it. Raises Transient."""
    data = tee.table(Pushed(packed.digest, packed.size))
    if data is None:
        return packed
    name = digest.of(data)
    if registry.has(repo, name) != len(data) and isinstance(push(registry, repo, data, name), Mismatch):
        raise Transient(f"the registry took other bytes for the tensor table of {packed.name!r}")
    return msgspec.structs.replace(packed, table=name, table_size=len(data))


class _File:
    """One file, from its first byte on; `why` it has no tensors, once that is seen."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self._head = bytearray()
        self._header: Header | Broken | None = None
        self._hash, self._left = blake3(), 0
        self._digests: list[str] = []

    def hear(self, piece: memoryview) -> None:
        """Hash the next bytes as the tensors that they are."""
        if self._header is None:
            piece = self._collect(piece)
        while isinstance(self._header, Header) and len(self._digests) < len(self._header.tensors):
            part, piece = piece[: self._left], piece[self._left :]
            self._hash.update(part)
            self._left -= len(part)
            if self._left:
                return
            self._digests.append(f"blake3:{self._hash.hexdigest()}")
            self._begin(self._header)

    def ranges(self) -> tuple[Range, ...]:
        """Return where its tensors lie."""
        if isinstance(self._header, Header):
            return table.ranges(self.span.path, self.span.begin, self._header, self._digests)
        if isinstance(self._header, Broken):
            said = {"file": self.span.path, "error": f"byte {self._header.offset}: {self._header.reason}"}
            log.warning("%s has no safetensors header: it is packed as any other file", self.span.path, extra=said)
        return ()

    def _collect(self, piece: memoryview) -> memoryview:
        """Take what belongs to the header; return what lies behind it."""
        for wanted in (lambda: min(safetensors.PREFIX, self.span.size), self._length):
            missing = max(wanted() - len(self._head), 0)
            self._head += piece[:missing]
            if len(piece) < missing:
                return piece[:0]
            piece = piece[missing:]
        if self._header is None:
            self._header = safetensors.parse(bytes(self._head), self.span.size)
        self._head.clear()
        if isinstance(self._header, Header):
            self._begin(self._header)
        return piece

    def _length(self) -> int:
        """Return how long the header is, by its own word; no longer than what is here, where that is none."""
        found = safetensors.length(bytes(self._head[: safetensors.PREFIX]), self.span.size)
        if isinstance(found, int) and found > LONGEST:
            found = Broken(0, f"the header has {found} bytes; of at most {LONGEST} a table is made")
        if isinstance(found, Broken):
            self._header = found
            return 0
        return found

    def _begin(self, header: Header) -> None:
        """Get ready for the next tensor, if there is one."""
        if len(self._digests) < len(header.tensors):
            self._hash, self._left = blake3(), header.tensors[len(self._digests)].size
