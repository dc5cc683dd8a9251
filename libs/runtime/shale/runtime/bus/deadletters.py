"""What was given up, as people read it: SHALE_DEAD. `dead.py` writes it, `replay.py` gives it another chance."""

import base64
import datetime as dt
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from shale.contracts import subjects
from shale.contracts.about import About
from shale.contracts.envelope import Message, unwrap_from
from shale.contracts.errors import Transient
from shale.contracts.streams import DEAD, TICKS
from shale.runtime.bus import scan
from shale.runtime.bus.connection import NO_MESSAGE, Bus

BATCH = 16
"""Letters in memory at a time: each may have 900 KiB."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that `service` gave up, as it lay on `subject`; `id` is its place among the dead letters."""

    id: int
    time: str
    """When it was given up, RFC 3339, by the server's clock."""
    service: str
    why: str
    stream: str
    sequence: int
    subject: str
    data: bytes

    def read(self) -> Message | About:
        """Return the message; of a tick, whom it wakes for. Raises ValueError when it cannot be decoded here."""
        if self.stream == TICKS.name:
            return msgspec.json.decode(self.data, type=About)
        envelope, message = unwrap_from(self.subject, self.data)
        if message is None:
            raise ValueError(f"{envelope.type} is not known here")
        return message

    @property
    def about(self) -> About | None:
        """Whom it is about, as far as it can be known; None for what lies on nobody's subject."""
        try:
            found = self.read()
        except ValueError:
            return _from(self.subject)
        return found if isinstance(found, About) else found.about


async def letters(bus: Bus) -> AsyncGenerator[DeadLetter]:
    """Yield all of them, the oldest first. Raises Transient."""
    async with aclosing(scan.messages(bus, DEAD.name, ("shale.dead.>",), batch=BATCH)) as found:
        async for message in found:
            meta = message.metadata
            yield _letter(meta.sequence.stream, _rfc3339(meta.timestamp), message.headers or {}, message.data)


async def find(bus: Bus, number: int) -> DeadLetter | None:
    """Return one by its id; None when there is none. Raises Transient."""
    answer = await bus.api(f"STREAM.MSG.GET.{DEAD.name}", {"seq": number})
    if "error" in answer:
        if answer["error"].get("err_code") == NO_MESSAGE:
            return None
        raise Transient(f"{DEAD.name}: {answer['error'].get('description')}: is this NATS set up (`shale init`)?")
    said: dict[str, Any] = answer["message"]
    time = _rfc3339(dt.datetime.fromisoformat(said["time"]))
    return _letter(number, time, _headers(said.get("hdrs", "")), base64.b64decode(said.get("data", "")))


async def drop(bus: Bus, number: int) -> bool:
    """Delete one by its id; False when it was not there. Raises Transient."""
    answer = await bus.api(f"STREAM.MSG.DELETE.{DEAD.name}", {"seq": number, "no_erase": True})
    if "error" not in answer:
        return True
    if await find(bus, number) is None:
        return False
    raise Transient(f"dropping the dead letter {number}: {answer['error'].get('description')}")


def _letter(number: int, time: str, headers: Mapping[str, str], data: bytes) -> DeadLetter:
    said = {key.lower(): value for key, value in headers.items()}
    sequence = said.get("shale-dead-sequence", "")
    return DeadLetter(
        id=number,
        time=time,
        service=said.get("shale-dead-service", ""),
        why=said.get("shale-dead-why", ""),
        stream=said.get("shale-dead-stream", ""),
        sequence=int(sequence) if sequence.isdecimal() else 0,
        subject=said.get("shale-dead-subject", ""),
        data=data,
    )


def _headers(encoded: str) -> dict[str, str]:
    """Read NATS's own header block, `NATS/1.0` and lines of `Name: value`, as the API returns it."""
    lines = base64.b64decode(encoded).decode(errors="replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name: value.strip() for name, _, value in pairs}


def _rfc3339(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from(subject: str) -> About | None:
    """Return whom a subject names: of a job neither kind nor name, they are in its body alone."""
    match subject.split("."):
        case ["shale", "job", _, namespace, uid, number, _]:
            generation = subjects.generation(number)
            return None if generation is None else About("", namespace, "", uid, generation)
        case ["shale", "gone", uid]:
            return About("", "", "", uid, 0)
        case _:
            pass
    try:
        return subjects.place(subject).about
    except subjects.SubjectError:
        return None
