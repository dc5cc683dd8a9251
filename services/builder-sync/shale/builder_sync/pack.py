"""The hot path: a source's files become one blob of a registry, in one thread and one megabyte.

Each byte is read, hashed and sent, in one pass where nothing speaks for two.

Nothing here waits for an event loop, and nothing is written to a disk that is not the registry's own.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager

import msgspec

from shale.builder_sync.arranging import cut_up
from shale.builder_sync.contents import Contents, contents
from shale.builder_sync.cutting import Cutter
from shale.builder_sync.find import is_there
from shale.builder_sync.headers import UncuttableError
from shale.builder_sync.known import Blob, is_small
from shale.builder_sync.places import Keeper
from shale.builder_sync.recipe import blocks
from shale.builder_sync.results import Listed, Refusal, Stall
from shale.builder_sync.tables import Tee, publish, spans
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer, place
from shale.oci import tarball
from shale.oci.digest import Block
from shale.oci.limits import Limits
from shale.oci.reel import Reel
from shale.oci.refusal import Refused
from shale.oci.registry import Mismatch, Pushed, Registry, Upload
from shale.oci.tarball import Content, Entry
from shale.runtime.beat import Stopped
from shale.sources.source import Source, SourceChangedError, UnreadableError, Unscannable, unheard

MAX_LISTED = 800 * 1024
"""Bytes of a listing, told in `Scanned` and again in `LayersPlanned`, of the 900 KiB that a message may have."""

Progress = Callable[[int], None]
"""Told after each block how many bytes of the layer are done; what it raises stops the work and leaves nothing."""

Elsewhere = Callable[[Pushed], bool]
"""Has a blob that was hashed come from another repository of the registry; False when it has to be sent."""

Keeping = Callable[[PackLayer, tuple[Entry, ...]], Keeper | None]
"""Makes who keeps the place of an upload of these entries; None where it is not worth that."""


def _nowhere(job: PackLayer, entries: tuple[Entry, ...]) -> None:
    """Keep no place."""
    del job, entries


def _nowhere_else(known: Pushed) -> bool:
    """Know of no other repository."""
    del known
    return False


def hashes_first(layer: Layer) -> bool:
    """Say whether a layer is hashed before it is sent, by who has no index to ask."""
    return is_small(layer)


def scan_source(
    source: Source,
    include: str = "",
    exclude: str = "",
    alive: Callable[[], None] = unheard,
    tensors: Limits | None = None,
) -> Listed | Stall:
    """List the source; what `alive` raises stops it. With `tensors`, its checkpoints are cut for such a registry."""
    scan = source.scan(include, exclude, alive)
    if isinstance(scan, Unscannable):
        return Stall(scan.reason, scan.message)
    if tensors is None:
        return _fitting(Listed(scan.files, scan.small()), source.title)
    try:
        return _fitting(cut_up(source, scan, tensors, alive), source.title)
    except UncuttableError as error:
        return error.stall
    except SourceChangedError as error:
        return Stall("SourceChanged", str(error))
    except UnreadableError as error:
        return Stall(error.why.reason, error.why.message)


def _fitting(listed: Listed, title: str) -> Listed | Stall:
    """Keep back a listing that no message could carry."""
    if len(msgspec.json.encode(listed)) <= MAX_LISTED:
        return listed
    what = f"{title} holds {len(listed.files)} large files, whose names alone fill more than {MAX_LISTED} bytes"
    return Stall("TooManyFiles", f"{what}: split the model, or make a version that leaves some out with exclude")


def pack_layer(  # noqa: PLR0913, PLR0917 (what a layer is made of, and how)
    job: PackLayer,
    source: Source,
    registry: Registry,
    progress: Progress,
    keeping: Keeping = _nowhere,
    cutter: Cutter | None = None,
    *,
    hash_first: bool,
    elsewhere: Elsewhere = _nowhere_else,
    before: Blob | None = None,
) -> PackedLayer | Refusal | Stall:
    """Read the layer, hash it, and send it.

    With `hash_first` it is sent only when the repository has it not, and cannot have it from `elsewhere`: read twice,
    so that both readings must agree.
    Else it is hashed while it is sent. What was sent when the work is stopped, or fails for now, is kept by who
    `keeping` makes. `cutter` is kept between layers: the headers of a checkpoint are not read for each of its tiles.
    A layer that turns out to be what it was `before` keeps its table: its tensors are not hashed beside it.
    """
    reading = read(job, source, cutter or Cutter(), lambda: progress(0))
    if isinstance(reading, (Refusal, Stall)):
        return reading
    there = _Receiver(registry, job.repo, keeping(job, reading.held.entries))
    try:
        if not hash_first:
            return _sent(job, reading, there, progress, None)
        known = _hashed(reading.unheard() if before else reading, lambda done: progress(min(done // 2, job.layer.size)))
        if registry.has(job.repo, known.digest) != known.size and not elsewhere(known):
            return _sent(job, reading, there, progress, known)  # of another size, it is damaged there
        progress(job.layer.size)
        return _there(job, reading, registry, known, before)
    except SourceChangedError as error:
        return Refusal("SourceChanged", str(error))
    except UnreadableError as error:
        return Stall(error.why.reason, error.why.message)


def read(job: PackLayer, source: Source, cutter: Cutter, alive: Callable[[], None]) -> "Reading | Refusal | Stall":
    """Return the layer as a body, of which nothing is read yet but what its files are."""
    held = contents(job, source, cutter, alive)
    if isinstance(held, (Refusal, Stall)):
        return held
    return Reading(source, held, job.layer.root, Tee(spans(held.entries, root=job.layer.root)))


class Reading(msgspec.Struct, frozen=True):
    """The layer's tar as a body: read from any byte on, as often as it is asked for."""

    source: Source
    held: Contents
    root: bool
    tee: Tee

    def unheard(self) -> "Reading":
        """Return the same body with nobody who hears its tensors."""
        return msgspec.structs.replace(self, tee=Tee(()))

    @property
    def size(self) -> int:
        """See `Body.size`."""
        return tarball.size(self.held.entries, root=self.root)

    def blocks(self, offset: int = 0) -> Generator[Block]:
        """See `Body.blocks`; their tensors are heard. Raises SourceChangedError, UnreadableError, Transient."""
        return self.tee.over(self._blocks(offset), offset)

    def sample(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, unheard; a few. Raises as `blocks` does."""
        held = bytearray()
        with closing(self._blocks(start, end)) as found:
            for block in found:  # of a tile the last may go on beyond
                held += block[: end - start - len(held)]
                if len(held) == end - start:
                    break
        return bytes(held)

    def _blocks(self, offset: int, end: int | None = None) -> Generator[Block]:
        at = 0
        for piece in tarball.frame(self.held.entries, root=self.root):
            size = piece.size if isinstance(piece, Content) else len(piece)
            begin, at = at, at + size
            skip, last = max(offset - begin, 0), size if end is None else min(size, end - begin)
            if skip >= last:
                continue
            if isinstance(piece, Content):
                yield from self._open(piece, skip, last)
            else:
                yield memoryview(piece)[skip:last]

    def _open(self, content: Content, offset: int, end: int) -> Iterator[Block]:
        recipe = self.held.recipes.get(content.path)
        return self.source.open(content, offset, end) if recipe is None else blocks(self.source, recipe, offset)


class _Receiver(msgspec.Struct, frozen=True):
    """Where it is sent to, and who keeps what was sent."""

    registry: Registry
    repo: str
    keeper: Keeper | None

    def send(self, reading: Reading, known: Pushed | None, progress: Progress) -> Pushed | Mismatch:
        """Send what is read, from where another worker left it if one did."""
        with self._begun(known) as upload:
            try:
                pushed = upload.send(reading, moved=lambda done: self._moved(upload, done, progress))
            except (Transient, Stopped, UnreadableError) as error:
                if self.keeper:
                    self.keeper.leave(upload, stopped=isinstance(error, Stopped))
                raise
            except BaseException:
                self._over()
                raise
        self._over()
        return pushed

    @contextmanager
    def _begun(self, known: Pushed | None) -> Generator[Upload]:
        """Begin where it was left; a place to which we are not let is good for nothing, and is tried once."""
        place, begun = self.keeper.take() if self.keeper else "", False
        try:
            with self.registry.upload(self.repo, known, place) as upload:
                begun = True
                yield upload
        except (Refused, ValueError):
            if place and not begun:
                self._over()
            raise

    def _moved(self, upload: Upload, done: int, progress: Progress) -> None:
        if self.keeper:
            self.keeper.moved(upload)
        progress(done)

    def _over(self) -> None:
        if self.keeper:
            self.keeper.forget()


def _sent(
    job: PackLayer, reading: Reading, there: _Receiver, progress: Progress, known: Pushed | None
) -> PackedLayer | Refusal:
    size = job.layer.size
    match there.send(reading, known, lambda done: progress(min((known.size + done) // 2 if known else done, size))):
        case Mismatch():
            return _changed(job)
        case Pushed() as pushed:
            return publish(there.registry, job.repo, reading.tee, packed(job.layer, pushed, reused=False))


def _changed(job: PackLayer) -> Refusal:
    why = "gave other bytes when it was read again, with the same times: try again when nobody writes there"
    return Refusal("SourceChanged", f"{job.layer.name!r} in {place(job)} {why}")


def _there(
    job: PackLayer, reading: Reading, registry: Registry, known: Pushed, before: Blob | None
) -> PackedLayer | Refusal:
    """Return a layer that need not be sent, with the table that it had before, or that it was heard to have."""
    found = packed(job.layer, known, reused=True)
    if before and before.digest == known.digest and is_there(registry, job.repo, before):
        return msgspec.structs.replace(found, table=before.table, table_size=before.table_size)
    if before and _hashed(reading, lambda _: None) != known:
        return _changed(job)
    return publish(registry, job.repo, reading.tee, found)


def _hashed(reading: Reading, progress: Progress) -> Pushed:
    with closing(Reel(reading, "", progress)) as reel:
        return reel.pushed()


def packed(layer: Layer, pushed: Pushed, *, reused: bool) -> PackedLayer:
    """Return a layer as its milestone tells of it."""
    role = "weight" if layer.files or layer.tile else "small"
    count = len(layer.files) or (layer.small.count if layer.small else int(layer.tile is not None))
    return PackedLayer(layer.name, role, pushed.digest, pushed.size, reused, count)
