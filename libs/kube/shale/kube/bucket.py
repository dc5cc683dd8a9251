"""What the embedded store is built on: a bucket of keys with one revision for all, handed in by its owner.

A bucket keeps the last value of a key and no older one: what was written with a `ttl` leaves nothing behind.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol


class Entry(Protocol):
    """One key as of one revision; `value` is empty when it was deleted."""

    @property
    def key(self) -> str:
        """The tokens, joined by dots."""
        ...

    @property
    def value(self) -> bytes:
        """What was written."""
        ...

    @property
    def revision(self) -> int:
        """When: a number of the whole bucket."""
        ...

    @property
    def deleted(self) -> bool:
        """Whether this is the end of the key."""
        ...


class Bucket(Protocol):
    """Keys are tokens joined by dots; revisions rise over the whole bucket; `ttl` is in whole seconds, at least one."""

    async def get(self, key: str) -> Entry | None:
        """Return the key's entry, or None when it was never written, is deleted or has expired."""
        ...

    async def create(self, key: str, value: bytes, ttl: float | None = None) -> int | None:
        """Write a key that is not there and return its revision; None: it is there already."""
        ...

    async def update(self, key: str, value: bytes, revision: int, ttl: float | None = None) -> int | None:
        """Write over exactly `revision` and return the new one; None: another revision is there, or none."""
        ...

    async def delete(self, key: str, revision: int) -> bool:
        """Delete exactly `revision`; False: another revision is there, or none."""
        ...

    async def list(self, prefix: str) -> tuple[Sequence[Entry], int]:
        """Return the entries under `prefix` and a dot, and a revision of the bucket: no change up to it is missing."""
        ...

    def watch(self, prefix: str, after: int) -> AsyncGenerator[Entry]:
        """Yield every change under `prefix` and a dot with a revision above `after`, in order and for ever.

        A deletion comes as `deleted`; what expires says nothing. Of several changes of one key that lie before a slow
        reader, only the last is sure to come.
        """
        ...
