"""Where uploads stand, in a bucket: whoever takes a layer over from a worker that died goes on where that one was.

A place is a hint. Nothing fails because it could not be noted, and one that no longer stands is begun afresh. Where the
pool has a key it is signed: a place is where bytes are sent to, and nobody but packers may say it.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from time import monotonic
from typing import Any, Protocol, TypeVar

import msgspec

from shale.builder_sync.seal import Seal
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.oci.tarball import Entry

PREFIX = "upload"
"""Of the keys in the bucket: its first word."""
TTL = 3600.0
"""Seconds that a place is kept: registries purge uploads that nobody touches."""
WORTH = 16 * 2**20
"""Bytes of a layer under which it is as quickly sent anew."""
_EVERY = 0.05  # seconds between two notes, so that they cost next to nothing however fast parts go out
_PATIENCE = 2.0  # seconds that the work waits for the bucket at the start and at the end; in between it does not wait
_LONGEST = 16_384  # characters of a place

T = TypeVar("T")
log = logging.getLogger("shale.builder-sync")


class Word(Protocol):
    """One key as of one revision."""

    @property
    def value(self) -> bytes:
        """What was written."""
        ...

    @property
    def revision(self) -> int:
        """When."""
        ...


class Bucket(Protocol):
    """What places need of a bucket. Every method raises Transient."""

    async def get(self, key: str) -> Word | None:
        """Return what a key holds."""
        ...

    async def create(self, key: str, value: bytes, ttl: float | None = None) -> int | None:
        """Write a key that is not there; None when it is."""
        ...

    async def update(self, key: str, value: bytes, revision: int, ttl: float | None = None) -> int | None:
        """Write over exactly this revision; None when another one is there."""
        ...


class Sent(Protocol):
    """What is known here of an upload: see `shale.oci.registry.Upload`."""

    def place(self) -> str:
        """Return where it stands."""
        ...

    def keep(self) -> str:
        """Let what was sent stay."""
        ...


class Noted(msgspec.Struct, frozen=True):
    """What a key holds. `by` is one upload's own, so that it knows its word again when the answer to it was lost."""

    place: str
    by: str


class Mark:
    """The place of one upload: one key, held by who wrote it last. Who loses it notes nothing more."""

    def __init__(self, bucket: Bucket, key: str, seal: Seal | None = None) -> None:
        self._bucket, self._key, self._seal, self._by = bucket, key, seal, secrets.token_hex(8)
        self._revision = 0
        self.lost = False
        """Whether another has the key."""

    async def take(self) -> str:
        """Return the place that another left, which is ours from now on; nothing where there is none."""
        entry = await self._bucket.get(self._key)
        if entry is None:
            return ""
        self._revision = entry.revision
        noted = self._opened(entry.value)
        place = noted.place if noted else ""
        return place if await self.note(place) else ""

    async def note(self, place: str) -> bool:
        """Write the place down; with an empty one it is let go of. False when the key is another's."""
        noted, ttl = Noted(place, self._by), TTL if place else 1.0
        value = self._seal.closed(self._key, noted) if self._seal else msgspec.json.encode(noted)
        written = await self._write(value, ttl)
        if written is None and (unheard := await self._unheard()):
            self._revision = unheard
            written = await self._write(value, ttl)
        self.lost = written is None
        self._revision = written or 0
        return not self.lost

    async def _write(self, value: bytes, ttl: float) -> int | None:
        if self.lost:
            return None
        if self._revision:
            return await self._bucket.update(self._key, value, self._revision, ttl)
        return await self._bucket.create(self._key, value, ttl)

    async def _unheard(self) -> int:
        """Return the revision of our last word, if it is that which the key holds."""
        there = None if self.lost else await self._bucket.get(self._key)
        noted = self._opened(there.value) if there is not None else None
        return there.revision if there is not None and noted is not None and noted.by == self._by else 0

    def _opened(self, value: bytes) -> Noted | None:
        """Return what was noted; None when it is no packer's. Raises DecodeError."""
        return self._seal.opened(self._key, value, Noted) if self._seal else msgspec.json.decode(value, type=Noted)


class Keeper:
    """The place of one upload as the thread that packs sees it. None of its methods raises."""

    def __init__(self, mark: Mark, loop: asyncio.AbstractEventLoop, wanted: Callable[[], bool] = lambda: True) -> None:
        """`wanted` says of work that is stopped whether somebody else will go on with it."""
        self._mark, self._loop, self._wanted = mark, loop, wanted
        self._taken = self._place = ""
        self._writing: Future[bool] | None = None
        self._next = 0.0

    def take(self) -> str:
        """Return where to go on; nothing: from the start."""
        self._taken = self._place = self._waited(self._mark.take()) or ""
        return self._taken

    def moved(self, upload: Sent) -> None:
        """Note where the upload stands if it moved, and do not wait for it."""
        place = upload.place()
        if place == self._place or monotonic() < self._next or not (self._writing is None or self._writing.done()):
            return
        self._place, self._next = place, monotonic() + _EVERY
        self._writing = self._begun(self._mark.note(place)) if len(place) <= _LONGEST else None

    def leave(self, upload: Sent, *, stopped: bool) -> None:
        """Keep what was sent for who comes next, unless this one was taken up and went no further than it was.

        A worker that is `stopped` need not have come far. Who lost the place leaves the upload to who has it.
        """
        place = upload.place()
        if not place or not self._wanted() or (place == self._taken and not stopped):
            self.forget()
        else:
            self._settle()
            self._waited(self._mark.note(place))
            upload.keep()
        if self._mark.lost:
            upload.keep()

    def forget(self) -> None:
        """Let go of the place: the blob is published, or what was sent is of no use."""
        self._settle()
        if self._place:
            self._waited(self._mark.note(""))

    def _settle(self) -> None:
        """Let the last note come to its end: two at once would not know each other's revision."""
        if self._writing is not None:
            self._heard(self._writing)
            self._writing = None

    def _waited(self, noting: Coroutine[Any, Any, T]) -> T | None:
        return None if (begun := self._begun(noting)) is None else self._heard(begun)

    def _begun(self, noting: Coroutine[Any, Any, T]) -> Future[T] | None:
        try:
            return asyncio.run_coroutine_threadsafe(noting, self._loop)
        except RuntimeError:  # the loop is closed: the process ends
            noting.close()
            return None

    def _heard(self, begun: Future[T]) -> T | None:
        try:
            return begun.result(_PATIENCE)
        except (Transient, TimeoutError, CancelledError, msgspec.DecodeError) as error:
            begun.cancel()
            log.info("a place is not noted", extra={"error": str(error) or type(error).__name__})
            return None


def keyed(job: PackLayer, entries: tuple[Entry, ...]) -> str:
    """Return the key of an upload: of this repository, for this part of this object and no other, of these files.

    Of their versions too, as far as the source has any. It is a hint that two uploads are one: what was sent is read
    again for its hash by who takes it up, and the registry publishes what has the digest of all bytes and nothing else.
    """
    part = job.part.partition("~")[0]
    words = msgspec.json.encode((job.repo, job.about.uid, part, job.uri, job.layer.root, entries))
    return f"{PREFIX}.{hashlib.sha256(words).hexdigest()}"
