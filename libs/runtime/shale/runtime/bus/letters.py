"""From a message to what it asks to look at."""

import logging

import msgspec
from nats.aio.msg import Msg

from shale.contracts import streams
from shale.contracts.about import About
from shale.contracts.envelope import unwrap_from
from shale.contracts.jobs import JOBS
from shale.runtime.service import Trigger, Woken

log = logging.getLogger("shale.desk")


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
        return Letter(message, Woken(msgspec.json.decode(message.data, type=About)))
    envelope, decoded = unwrap_from(message.subject, message.data)
    if stream == streams.JOBS.name:
        if not isinstance(decoded, JOBS):
            raise ValueError(f"{message.subject} holds no job known here")
        return Letter(message, decoded)
    if decoded is None:
        log.info("unknown type", extra={"subject": message.subject, "type": envelope.type})
        return None
    return Letter(
        message, Woken(decoded.about, message.metadata.sequence.stream if stream == streams.FACTS.name else 0)
    )


def newest(letters: list[Letter]) -> Trigger:
    """Return the newest wish of letters sorted by age, to be read as new as the newest of all of them."""
    trigger = letters[-1].trigger
    if not isinstance(trigger, Woken):
        return trigger
    return Woken(trigger.about, max(getattr(letter.trigger, "sequence", 0) for letter in letters))


def age(letter: Letter) -> tuple[int, int]:
    """Sort the newest wish last, and among its facts the newest: that one's sequence is what a read must show."""
    return letter.trigger.about.generation, getattr(letter.trigger, "sequence", 0)
