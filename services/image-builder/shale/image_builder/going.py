"""What is being deleted just now: who deletes says so before he looks who else names the same.

Who publishes notes in his claim what he is about to name, and reads these notes after that; who deletes writes his
note, and reads the claims after that. So of two that meet at least one sees the other: he who publishes waits, he who
deletes lets it stand. A note is written again before each thing that is deleted, and only over the very one that was
written before: once somebody broke it, because it was not renewed for so long, nothing more is deleted under it.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from shale.contracts.errors import Transient
from shale.image_builder.bucket import TOMBSTONE, TRIES, Bucket, Entry, hashed

LEASE = 300.0
"""Seconds for which a note keeps others waiting. No request takes as long, and clocks do not differ as much."""
KEPT = 86_400.0
"""Seconds after which a note is forgotten, with what it names: its object's release came to no end in them."""


class Note(msgspec.Struct, frozen=True):
    """What an object's end takes away: all digests that are its own, and its tags; until when others wait for it."""

    uid: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    until: float = 0.0


class Held(msgspec.Struct, frozen=True):
    """A note as one process wrote it last."""

    repo: str
    note: Note
    revision: int


def meets(note: Note, tag: str, digests: frozenset[str], now: float) -> Literal["no", "wait", "break"]:
    """Return what who is about to name `digests` does about a note."""
    if note.until <= 0 or (tag not in note.tags and digests.isdisjoint(note.digests)):
        return "no"
    return "wait" if now < note.until else "break"


class Going:
    """The notes of all deletions, one key per repository and uid; `clock` counts seconds since the epoch."""

    def __init__(self, bucket: Bucket, clock: Callable[[], float]) -> None:
        self._bucket, self._clock = bucket, clock

    async def noted(self, repo: str, uid: str) -> frozenset[str]:
        """Return the digests that an earlier try to delete noted."""
        was, _ = _read(await self._bucket.get(_key(repo, uid)))
        return frozenset(was.digests if was else ())

    async def begin(self, repo: str, uid: str, tags: tuple[str, ...], digests: Iterable[str]) -> Held:
        """Note what is about to be deleted, beside what an earlier try noted. Raises Transient.

        Another process of this uid deletes nothing more from here on.
        """
        for _ in range(TRIES):
            was, revision = _read(await self._bucket.get(_key(repo, uid)))
            noted = tuple(sorted({*digests, *(was.digests if was else ())}))
            if (held := await self._write(Held(repo, Note(uid, tags, noted), revision))) is not None:
                return held
        raise Transient(f"what is deleted in {repo} for {uid} changed {TRIES} times while it was noted")

    async def renew(self, held: Held) -> Held:
        """Say that it goes on. Raises Transient when others did not wait for it, or when somebody else does it."""
        if (renewed := await self._write(held)) is None:
            raise Transient(f"somebody else came to {held.repo} meanwhile: what goes there is looked at again")
        return renewed

    async def end(self, held: Held) -> None:
        """Let others go on; a note that is not the one that we wrote is somebody else's to end."""
        await self._bucket.delete(_key(held.repo, held.note.uid), held.revision, TOMBSTONE)

    async def heed(self, repo: str, tag: str, digests: frozenset[str]) -> None:
        """Return when nothing of this is being deleted. Raises Transient while it is.

        A note that nobody renewed in time is broken; its digests stay, for whoever tries again.
        """
        for key in sorted(await self._bucket.keys(_folder(repo))):
            note, revision = _read(await self._bucket.get(key))
            match meets(note, tag, digests, self._clock()) if note else "no":
                case "wait":
                    raise Transient(f"the same image as {repo}:{tag} is being deleted, for another version")
                case "break" if note:
                    broken = msgspec.json.encode(msgspec.structs.replace(note, until=0.0))
                    if await self._bucket.update(key, broken, revision, KEPT) is None:
                        raise Transient(f"the same image as {repo}:{tag} is being deleted again, for another version")
                case _:
                    pass

    async def _write(self, held: Held) -> Held | None:
        key, note = _key(held.repo, held.note.uid), msgspec.structs.replace(held.note, until=self._clock() + LEASE)
        data = msgspec.json.encode(note)
        if held.revision:
            revision = await self._bucket.update(key, data, held.revision, KEPT)
        else:
            revision = await self._bucket.create(key, data, KEPT)
        return None if revision is None else Held(held.repo, note, revision)


def _read(entry: Entry | None) -> tuple[Note | None, int]:
    return (msgspec.json.decode(entry.value, type=Note), entry.revision) if entry else (None, 0)


def _folder(repo: str) -> str:
    return f"going.{hashed(repo)}"


def _key(repo: str, uid: str) -> str:
    return f"{_folder(repo)}.{hashed(uid)}"
