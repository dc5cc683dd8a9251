"""Known by content: what packers tell one another of layers, in a bucket. A hint that is checked, never an authority.

Who could exploit it. A tenant who writes into the bucket: no user of NATS but builder-sync's may, and nothing is
believed that the pool's key did not sign. One who forges inodes and times on a disk of his own: its volume is that of
his claim, so he finds what he packed himself. One who knows a digest: it is looked up only for files that were just
opened with his object's own access, and looked for, mounted or sent with its own login. A file that changes behind
its times: one layer in 20 is read again, what differs is dropped and logged, and whatever is sent goes by the name of
what was read. Who fills the bucket, empties it or is slow with it: layers are read once more, and nothing fails.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import msgspec

from shale.builder_sync import places
from shale.builder_sync.known import Blob, Busy, Known, asker
from shale.builder_sync.seal import Seal
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer

LAYER, PLACES, CANDIDATE, FLIGHT = WORDS = ("layer", "places", "candidate", "flight")
"""The first words of the keys."""
PATIENCE = 2.0
"""Seconds that the work waits for the bucket, each time: one that is silent knows nothing."""
MOST_PLACES = 4
"""Repositories that are remembered of a blob: each is one request when it has to be mounted."""

T = TypeVar("T", bound=msgspec.Struct)
log = logging.getLogger("shale.builder-sync")


class Bucket(places.Bucket, Protocol):
    """What the index needs of a bucket. Every method raises Transient."""

    async def delete(self, key: str, revision: int, ttl: float | None = None) -> bool:
        """Delete exactly this revision; False when another one is there."""
        ...


class Places(msgspec.Struct, frozen=True):
    """Repositories where a blob lay, the last one first."""

    repos: tuple[str, ...] = ()


class Packed(msgspec.Struct, frozen=True):
    """A layer of some name and size was packed into a repository."""

    digest: str


class Index:
    """The entries of one pool. None of its methods raises, but for bugs."""

    def __init__(self, bucket: Bucket, key: bytes, patience: float = PATIENCE) -> None:
        self.bucket, self.seal, self.patience = bucket, Seal(key), patience

    async def ask(self, job: PackLayer, host: str, known: Known) -> Known:
        """Return `known`, which says how the layer's bytes are named, with all that is told of them."""
        async with self._patiently("nothing is known"):
            blob = await self._read(self.layer(known), Blob)
            busy = await self._read(self.flight(host, known), Busy)
            packed = await self._read(self._candidate(job), Packed)
            return msgspec.structs.replace(
                known,
                blob=blob,
                busy=None if busy is None or busy.job == asker(job) else busy,
                candidate=packed is not None,
                places=await self._elsewhere(job, host, blob.digest) if blob else (),
            )
        return known

    async def learn(self, job: PackLayer, host: str, known: Known, blob: Blob) -> None:
        """Note that a layer was read, hashed and is there now: what was known otherwise of it was wrong."""
        async with self._patiently("it is not learned"):
            if known.blob is not None and known.blob.digest != blob.digest:
                log.warning(
                    "a known layer is another: its entry is dropped",
                    extra={"layer": job.layer.name, "uri": job.uri, "known": known.blob.digest, "found": blob.digest},
                )
                await self._drop(self.layer(known))
            elif known.name and known.settled:
                await self._write(self.layer(known), Blob, lambda _: blob)
            await self._write(self._candidate(job), Packed, lambda _: Packed(blob.digest))
        await self.lies(job, host, blob.digest)

    async def lies(self, job: PackLayer, host: str, digest: str) -> None:
        """Note that a blob is in the job's repository."""

        def added(old: Places | None) -> Places | None:
            repos = (old or Places()).repos
            others = tuple(repo for repo in repos if repo != job.repo)
            return None if repos[:1] == (job.repo,) else Places((job.repo, *others)[:MOST_PLACES])

        async with self._patiently("where it lies is not learned"):
            await self._write(self._places(host, digest), Places, added)

    def flight(self, host: str, known: Known) -> str:
        """Return the key of who packs these bytes for that registry; empty where nothing names them."""
        return self.seal.name(FLIGHT, host, known.name) if known.name else ""

    def layer(self, known: Known) -> str:
        """Return the key of a layer; empty where nothing names its bytes."""
        return self.seal.name(LAYER, known.name) if known.name else ""

    def _candidate(self, job: PackLayer) -> str:
        return self.seal.name(CANDIDATE, job.repo, job.layer.name, str(job.layer.size))

    def _places(self, host: str, digest: str) -> str:
        return self.seal.name(PLACES, host, digest)

    async def _elsewhere(self, job: PackLayer, host: str, digest: str) -> tuple[str, ...]:
        found = await self._read(self._places(host, digest), Places)
        return tuple(repo for repo in (found or Places()).repos if repo != job.repo)[:MOST_PLACES]

    async def _read(self, key: str, kind: type[T]) -> T | None:
        entry = await self.bucket.get(key) if key else None
        return None if entry is None else self.seal.opened(key, entry.value, kind)

    async def _write(self, key: str, kind: type[T], change: Callable[[T | None], T | None]) -> None:
        """Write what becomes of an entry, whose age begins anew; who writes at the same time has learned as much."""
        entry = await self.bucket.get(key)
        new = change(None if entry is None else self.seal.opened(key, entry.value, kind))
        if new is not None and entry is None:
            await self.bucket.create(key, self.seal.closed(key, new))
        elif new is not None and entry is not None:
            await self.bucket.update(key, self.seal.closed(key, new), entry.revision)

    async def _drop(self, key: str) -> None:
        if key and (entry := await self.bucket.get(key)) is not None:
            await self.bucket.delete(key, entry.revision)

    @asynccontextmanager
    async def _patiently(self, what: str) -> AsyncGenerator[None]:
        """Go on after PATIENCE without what was asked for."""
        try:
            async with asyncio.timeout(self.patience):
                yield
        except (Transient, TimeoutError) as error:
            log.info("the index does not answer", extra={"so": what, "error": str(error) or type(error).__name__})
