"""From a message to what it asks to look at."""

import re

import msgspec
from nats.aio.msg import Msg

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.envelope import unwrap_from
from shale.contracts.jobs import JOBS
from shale.runtime.bus.connection import HEARD
from shale.runtime.service import Trigger, Woken, together
from shale.runtime.telemetry import skipped

_SEQUENCE = re.compile(r"[0-9]{1,19}")


class Letter(msgspec.Struct, frozen=True):
    """One message and what it asks to look at."""

    message: Msg
    trigger: Trigger

    @property
    def key(self) -> str:
        """What is settled serially: the object, for a job its own subject."""
        return self.message.subject if isinstance(self.trigger, JOBS) else self.trigger.about.uid


def read(message: Msg) -> Letter | None:
    """Return the letter, None for somebody's newer word. Raises ValueError when it cannot be decoded."""
    stream = message.metadata.stream
    if stream == streams.TICKS.name:
        return Letter(message, _tick(message))
    envelope, decoded = unwrap_from(message.subject, message.data)
    if stream == streams.JOBS.name:
        if not isinstance(decoded, JOBS):
            raise ValueError(f"{message.subject} holds no job known here")
        return Letter(message, decoded)
    if decoded is None:
        skipped("unknown type", message.subject, envelope.type)
        return None
    return Letter(
        message, Woken(decoded.about, message.metadata.sequence.stream if stream == streams.FACTS.name else 0)
    )


def _tick(message: Msg) -> Woken:
    """Return whom a tick wakes. Raises ValueError when it is none of ours, RecursionError when it is nested so."""
    about = msgspec.json.decode(message.data, type=About)
    subjects.check(about)
    _, _, service, *_ = message.subject.split(".")
    if message.subject != subjects.of_tick(service, about):
        raise ValueError(f"it wakes for {about}, on the subject {message.subject}")
    heard = (message.headers or {}).get(HEARD, "")
    return Woken(about, heard=int(heard) if _SEQUENCE.fullmatch(heard) else 0)


def newest(letters: list[Letter]) -> Trigger:
    """Return the newest wish of letters sorted by age, to be read as new as the newest of all of them."""
    trigger = letters[-1].trigger
    if not isinstance(trigger, Woken):
        return trigger
    return together([letter.trigger for letter in letters if isinstance(letter.trigger, Woken)])


def is_again(letter: Letter, other: Letter) -> bool:
    """Whether both are deliveries of one message: who acks one of them acks the other."""
    one, two = letter.message.metadata, other.message.metadata
    return (one.stream, one.sequence.stream) == (two.stream, two.sequence.stream)


def outdates(letter: Letter, other: Letter) -> bool:
    """Whether who settles the one settles the other: it looks at no older wish and reads nothing older; never a job."""
    one, two = letter.trigger, other.trigger
    if not isinstance(one, Woken) or not isinstance(two, Woken):
        return False
    return one.about.generation >= two.about.generation and one.sequence >= two.sequence and one.heard >= two.heard


def age(letter: Letter) -> tuple[int, int]:
    """Sort the newest wish last, and among its facts the newest: that one's sequence is what a read must show."""
    return letter.trigger.about.generation, getattr(letter.trigger, "sequence", 0)
