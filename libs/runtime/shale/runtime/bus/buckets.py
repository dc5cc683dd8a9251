"""A key-value bucket: compare-and-set by revision, with a time to live per key, listing and watching."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js import api
from nats.js import errors as js_errors

from shale.contracts.errors import Transient
from shale.runtime.bus.connection import FENCE, TTL, Bus, heed_cancel

_OPERATION = "KV-Operation"
RETRY = 0.25
LOOK_EVERY = 10
"""Quiet seconds after which it is asked whether the consumer is still there: one that is lost says nothing."""

log = logging.getLogger("shale.bus")


class Entry(msgspec.Struct, frozen=True):
    """One key as the bucket has it; a deletion is an entry too, with an empty value."""

    key: str
    value: bytes
    revision: int
    deleted: bool = False


class Bucket:
    """One JetStream key-value bucket, spoken to by its stream.

    Nats-py's own cannot renew a key's time to live (nats-findings 1.1).
    """

    def __init__(self, bus: Bus, name: str) -> None:
        self.bus = bus
        self.name = name
        self._stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."

    async def get(self, key: str) -> Entry | None:
        """Return what a key holds now, as the leader knows it. Raises Transient."""
        entry = await self._last(key)
        return None if entry is None or entry.deleted else entry

    async def create(self, key: str, value: bytes, ttl: float | None = None) -> int | None:
        """Set a key that holds nothing; return its revision, None when it holds something."""
        revision = await self._put(key, value, 0, ttl)
        if revision is not None:
            return revision
        there = await self._last(key)
        return await self._put(key, value, there.revision, ttl) if there is not None and there.deleted else None

    async def update(self, key: str, value: bytes, revision: int, ttl: float | None = None) -> int | None:
        """Replace exactly this revision; return the new one, None when another one is there."""
        return await self._put(key, value, revision, ttl)

    async def delete(self, key: str, revision: int, ttl: float | None = None) -> bool:
        """Delete exactly this revision; False when another one is there. What tells of it lasts for `ttl` seconds."""
        return await self._put(key, b"", revision, ttl, {_OPERATION: "DEL"}) is not None

    async def list(self, prefix: str) -> tuple[list[Entry], int]:
        """Return what the keys under `prefix.` hold, and the last revision of the whole bucket. Raises Transient.

        A key that is written to meanwhile may be left out by the consumer: it is asked for by its name, as who is not
        in a list is taken for deleted.
        """
        keys, revision = await self._keys(prefix)
        entries = await self._entries(prefix)
        for key in keys - entries.keys():
            if (entry := await self._last(key)) is not None:
                entries[key] = entry
        return [one for one in entries.values() if not one.deleted], revision

    async def keys(self, prefix: str) -> frozenset[str]:
        """Return the keys under `prefix.` as the leader knows them, also of what was deleted. Raises Transient."""
        return frozenset((await self._keys(prefix))[0])

    async def _keys(self, prefix: str) -> tuple[set[str], int]:
        """Return the keys under `prefix.`, those that were deleted too, and the bucket's last revision before."""
        keys: set[str] = set()
        revision, offset, total = 0, 0, 1
        while offset < total:
            info = await self._info({"subjects_filter": f"{self._prefix}{prefix}.>", "offset": offset})
            revision = revision or int(info["state"]["last_seq"])
            page: dict[str, int] = info["state"].get("subjects") or {}
            keys |= {subject.removeprefix(self._prefix) for subject in page}
            offset, total = offset + max(1, len(page)), int(info.get("total", 0))
        return keys, revision

    async def _entries(self, prefix: str) -> dict[str, Entry]:
        """Return what a consumer of the last entry of each key delivers, deletions too."""
        entries: dict[str, Entry] = {}
        quiet = 0
        async with aclosing(self._batches(prefix, api.DeliverPolicy.LAST_PER_SUBJECT, None)) as batches:
            async for batch, left in batches:
                entries |= {entry.key: entry for entry in batch}
                quiet = 0 if batch else quiet + 1
                if left == 0:
                    return entries
                if quiet > LOOK_EVERY:
                    break
        raise Transient(f"listing {self.name}/{prefix}: it did not come to its end; half a list says what is not so")

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Entry]:
        """Yield every change under `prefix.` of a revision above `after`, in order, without end. Raises Transient.

        An ephemeral consumer that is lost with its server is made again from the last revision seen; in a bucket that
        was made anew that revision means nothing, so it is Transient, for the caller to list again.
        """
        seen, born = after, ""
        while True:
            info = await self._info()
            if born not in {"", info["created"]} or int(info["state"]["last_seq"]) < seen:
                raise Transient(f"{self.name} was made anew: list again")
            born = info["created"]
            async with aclosing(self._batches(prefix, api.DeliverPolicy.BY_START_SEQUENCE, seen + 1)) as batches:
                async for batch, _ in batches:
                    for entry in batch:
                        seen = entry.revision
                        yield entry
            await asyncio.sleep(RETRY)

    async def _batches(
        self, prefix: str, policy: api.DeliverPolicy, start: int | None
    ) -> AsyncGenerator[tuple[list[Entry], int]]:
        """Yield batches and how many entries follow each; an empty one after a quiet second.

        End when the consumer is lost, or when it delivered what never came: nobody acks, so nothing comes twice.
        """
        config = api.ConsumerConfig(
            deliver_policy=policy,
            opt_start_seq=start,
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=30,
            mem_storage=True,
        )
        try:
            sub = await self.bus.stream.pull_subscribe(f"{self._prefix}{prefix}.>", stream=self._stream, config=config)
        except (TimeoutError, nats.errors.Error) as error:
            heed_cancel()
            raise Transient(f"watching {self.name}/{prefix}: {type(error).__name__} {error}") from error
        info: api.ConsumerInfo | None = None
        try:
            info, quiet, came = await sub.consumer_info(), 0, 0
            left = info.num_pending or 0
            yield [], left
            while True:
                heed_cancel()
                try:
                    # Asking for more than there is would wait for it: the server takes no_wait with expires as a wait.
                    messages = await sub.fetch(min(max(left, 1), 256), timeout=1)
                    quiet = 0
                except (TimeoutError, nats.errors.TimeoutError):
                    messages, quiet = [], quiet + 1
                for message in messages:
                    came, left = came + 1, message.metadata.num_pending
                    if message.metadata.sequence.consumer != came:
                        return
                    yield [self._from(message)], left
                if not messages:
                    if left or quiet % LOOK_EVERY == LOOK_EVERY - 1:
                        info = await sub.consumer_info()
                        left = info.num_pending or 0
                        if info.delivered is not None and info.delivered.consumer_seq != came:
                            return
                    yield [], left
        except nats.errors.Error as error:
            log.info("watch is made again", extra={"bucket": self.name, "error": f"{type(error).__name__} {error}"})
        finally:
            await sub.unsubscribe()
            await self._end(info.name if info else "")

    async def _info(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        info = await self.bus.api(f"STREAM.INFO.{self._stream}", body or {})
        if "error" in info:
            raise Transient(f"{self.name}: {info['error'].get('description')}")
        return info

    async def _end(self, consumer: str) -> None:
        """Delete a consumer that has done: the server lets one stream have so many, and each list makes one."""
        try:
            if consumer and self.bus.is_connected:  # who ends while the server is gone does not wait for it
                await self.bus.api(f"CONSUMER.DELETE.{self._stream}.{consumer}", {})
        except Transient as error:
            log.info("consumer not deleted: it ends by itself", extra={"bucket": self.name, "error": str(error)})

    def _from(self, message: Msg) -> Entry:
        return self._entry(message.subject, message.data, message.metadata.sequence.stream, message.headers)

    async def _last(self, key: str) -> Entry | None:
        try:
            message = await self.bus.stream.get_last_msg(self._stream, self._prefix + key)
        except js_errors.NotFoundError:
            heed_cancel()
            return None
        except (TimeoutError, nats.errors.Error) as error:
            heed_cancel()
            raise Transient(f"reading {self.name}/{key}: {type(error).__name__} {error}") from error
        heed_cancel()
        headers = cast("dict[str, str] | None", message.headers)  # pyright: ignore[reportUnknownMemberType]
        return self._entry(message.subject or "", message.data or b"", message.seq or 0, headers)

    async def _put(
        self, key: str, value: bytes, revision: int, ttl: float | None, extra: dict[str, str] | None = None
    ) -> int | None:
        headers = {FENCE: str(revision), **(extra or {})}
        if ttl is not None:
            headers[TTL] = str(max(1, round(ttl)))
        ack = await self.bus.publish(self._prefix + key, value, headers)
        return ack.seq if ack else None

    def _entry(self, subject: str, value: bytes, revision: int, headers: dict[str, str] | None) -> Entry:
        deleted = (headers or {}).get(_OPERATION) in {"DEL", "PURGE"} or (headers or {}).get(
            "Nats-Marker-Reason"
        ) is not None
        return Entry(subject.removeprefix(self._prefix), value, revision, deleted)
