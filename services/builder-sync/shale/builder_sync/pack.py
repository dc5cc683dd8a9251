"""The hot path: a source's files become one blob of a registry, in one thread and one megabyte.

Nothing here waits for an event loop, and nothing is written to a disk that is not the registry's own.
"""

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager

import msgspec

from shale.builder_sync.places import Keeper
from shale.builder_sync.results import Listed, Refusal, Stall
from shale.builder_sync.tables import Tee, publish, spans
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.oci import plan, small, tarball
from shale.oci.digest import Block, Hasher
from shale.oci.refusal import Refused
from shale.oci.registry import Mismatch, Pushed, Registry, Upload
from shale.oci.tarball import Content, Entry
from shale.runtime.beat import Stopped
from shale.sources.source import Source, SourceChangedError, UnreadableError, Unscannable, unheard

MAX_LISTED = 800 * 1024
"""Bytes of a listing, told in `Scanned` and again in `LayersPlanned`, of the 900 KiB that a message may have."""

Progress = Callable[[int], None]
"""Told after each block how many bytes of the layer are done; what it raises stops the work and leaves nothing."""

Keeping = Callable[[PackLayer, Pushed], Keeper | None]
"""Makes who keeps the place of an upload; None where it is not worth that."""


def _nowhere(job: PackLayer, known: Pushed) -> None:
    """Keep no place."""
    del job, known


def scan_source(
    source: Source, include: str = "", exclude: str = "", alive: Callable[[], None] = unheard
) -> Listed | Stall:
    """List the source; what `alive` raises stops it."""
    match source.scan(include, exclude, alive):
        case Unscannable(reason, message):
            return Stall(reason, message)
        case scan:
            return _fitting(Listed(scan.files, scan.small()), source.uri)


def _fitting(listed: Listed, uri: str) -> Listed | Stall:
    """Keep back a listing that no message could carry."""
    if len(msgspec.json.encode(listed)) <= MAX_LISTED:
        return listed
    what = f"{uri} holds {len(listed.files)} large files, whose names alone fill more than {MAX_LISTED} bytes"
    return Stall("TooManyFiles", f"{what}: split the model, or make a version that leaves some out with exclude")


def pack_layer(
    job: PackLayer, source: Source, registry: Registry, progress: Progress, keeping: Keeping = _nowhere
) -> PackedLayer | Refusal | Stall:
    """Hash the layer, and send it unless the repository has it: read twice, so that both readings must agree.

    What was sent when the work is stopped, or fails for now, is kept by who `keeping` makes.
    """
    entries = _entries(job, source, lambda: progress(0))
    if isinstance(entries, (Refusal, Stall)):
        return entries
    tee = Tee(spans(entries, root=job.layer.root))
    try:
        return _pack(job, _Reading(source, entries, job.layer.root, tee), registry, progress, keeping)
    except SourceChangedError as error:
        return Refusal("SourceChanged", str(error))
    except UnreadableError as error:
        return Stall(error.why.reason, error.why.message)


class _Reading(msgspec.Struct, frozen=True):
    """What is read, as often as it is read."""

    source: Source
    entries: tuple[Entry, ...]
    root: bool
    tee: Tee

    def blocks(self) -> Generator[Block]:
        """Return the layer's tar from its first byte on, heard for its tensors."""
        return self.tee.over(self._blocks(), 0)

    def _blocks(self) -> Generator[Block]:
        for piece in tarball.frame(self.entries, root=self.root):
            if isinstance(piece, Content):
                yield from self.source.open(piece)
            else:
                yield piece

    def pour(self, into: Callable[[Block], None], progress: Progress) -> None:
        """Hand over block by block; whatever is raised, the source's file is closed."""
        done = 0
        with closing(self.blocks()) as blocks:
            for block in blocks:
                into(block)
                done += len(block)
                progress(done)


def _pack(
    job: PackLayer, reading: _Reading, registry: Registry, progress: Progress, keeping: Keeping
) -> PackedLayer | Refusal:
    hasher, size = Hasher(), job.layer.size
    reading.pour(hasher.update, lambda done: progress(min(done // 2, size)))
    if registry.has(job.repo, hasher.digest) == hasher.size:  # of another size, it is damaged there
        progress(size)
        packed = _packed(job.layer, Pushed(hasher.digest, hasher.size), reused=True)
        return publish(registry, job.repo, reading.tee, packed)
    known = Pushed(hasher.digest, hasher.size)
    there = _Receiver(registry, job.repo, keeping(job, known))
    match there.send(reading, known, lambda done: progress(min((hasher.size + done) // 2, size))):
        case Mismatch():
            why = "gave other bytes when it was read again, with the same times: try again when nobody writes there"
            return Refusal("SourceChanged", f"{job.layer.name!r} in {job.uri} {why}")
        case Pushed() as pushed:
            return publish(registry, job.repo, reading.tee, _packed(job.layer, pushed, reused=False))


class _Receiver(msgspec.Struct, frozen=True):
    """Where it is sent to, and who keeps what was sent."""

    registry: Registry
    repo: str
    keeper: Keeper | None

    def send(self, reading: _Reading, known: Pushed, progress: Progress) -> Pushed | Mismatch:
        """Send what is read, from where another worker left it if one did."""
        with self._begun(known) as upload:
            try:
                reading.pour(upload.write, lambda done: self._moved(upload, done, progress))
                pushed = upload.commit(known.digest)
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
    def _begun(self, known: Pushed) -> Generator[Upload]:
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


def _entries(job: PackLayer, source: Source, alive: Callable[[], None]) -> tuple[Entry, ...] | Refusal | Stall:
    """Return what the layer holds; a small run is listed again and must be the one that was planned."""
    run = job.layer.small
    if run is None:
        return plan.entries(job.layer.files)
    match source.scan(job.include, job.exclude, alive):
        case Unscannable(reason, message):
            return Stall(reason, message)
        case scan:
            entries = small.within(scan.entries, run)
    if small.small_digest(entries) != run.digest:
        what = f"what lies from {run.first!r} to {run.last!r} in {job.uri}"
        return Refusal("SourceChanged", f"{what} is not what was listed: try again when nobody writes there")
    return entries


def _packed(layer: Layer, pushed: Pushed, *, reused: bool) -> PackedLayer:
    role = "weight" if layer.files else "small"
    count = len(layer.files) or (layer.small.count if layer.small else 0)
    return PackedLayer(layer.name, role, pushed.digest, pushed.size, reused, count)
