"""A key-value bucket: compare-and-set by revision, with a time to live per key, listing and watching."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import cast

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js import api
from nats.js import errors as js_errors

from shale.contracts.errors import Transient
from shale.runtime.bus.connection import FENCE, TTL, Bus

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

    async def delete(self, key: str, revision: int) -> bool:
        """Delete exactly this revision; False when another one is there."""
        return await self._put(key, b"", revision, None, {_OPERATION: "DEL"}) is not None

    async def list(self, prefix: str) -> tuple[list[Entry], int]:
        """Return what the keys under `prefix.` hold, and the last revision of the whole bucket. Raises Transient."""
        info = await self.bus.api(f"STREAM.INFO.{self._stream}", {})
        if "error" in info:
            raise Transient(f"{self.name}: {info['error'].get('description')}")
        entries: dict[str, Entry] = {}
        async for batch in self._batches(prefix, api.DeliverPolicy.LAST_PER_SUBJECT, None):
            entries |= {entry.key: entry for entry, _ in batch}
            if not batch or batch[-1][1] == 0:
                break
        return [entry for entry in entries.values() if not entry.deleted], int(info["state"]["last_seq"])

    async def watch(self, prefix: str, after: int) -> AsyncGenerator[Entry]:
        """Yield every change under `prefix.` of a revision above `after`, in order, without end. Raises Transient.

        An ephemeral consumer that is lost with its server is made again from the last revision seen.
        """
        seen = after
        while True:
            async for batch in self._batches(prefix, api.DeliverPolicy.BY_START_SEQUENCE, seen + 1):
                for entry, _ in batch:
                    seen = entry.revision
                    yield entry
            await asyncio.sleep(RETRY)

    async def _batches(
        self, prefix: str, policy: api.DeliverPolicy, start: int | None
    ) -> AsyncGenerator[list[tuple[Entry, int]]]:
        """Yield (entry, how many follow) in batches, an empty one after a quiet second.

        End when the consumer is lost.
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
            raise Transient(f"watching {self.name}/{prefix}: {type(error).__name__} {error}") from error
        try:
            info, quiet = await sub.consumer_info(), 0
            if info.num_pending == 0 and policy is api.DeliverPolicy.LAST_PER_SUBJECT:
                yield []
                return
            while True:
                try:
                    messages = await sub.fetch(256, timeout=1)
                    quiet = 0
                except (TimeoutError, nats.errors.TimeoutError):
                    messages, quiet = [], quiet + 1
                if quiet % LOOK_EVERY == LOOK_EVERY - 1:
                    await sub.consumer_info()
                yield [(self._from(message), message.metadata.num_pending) for message in messages]
        except nats.errors.Error as error:
            log.info("watch is made again", extra={"bucket": self.name, "error": f"{type(error).__name__} {error}"})
        finally:
            await sub.unsubscribe()

    def _from(self, message: Msg) -> Entry:
        return self._entry(message.subject, message.data, message.metadata.sequence.stream, message.headers)

    async def _last(self, key: str) -> Entry | None:
        try:
            message = await self.bus.stream.get_last_msg(self._stream, self._prefix + key)
        except js_errors.NotFoundError:
            return None
        except (TimeoutError, nats.errors.Error) as error:
            raise Transient(f"reading {self.name}/{key}: {type(error).__name__} {error}") from error
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
