"""The CloudEvents 1.0 envelope, structured JSON: how every message travels.

The envelope is decoded first, with its data left raw; then the data by its `type`. An unknown type is no error: it is
somebody's newer word.
"""

import datetime as dt
import hashlib
from functools import lru_cache
from typing import Any

import msgspec

from shale.contracts.facts import Declared, Fact, Progressed
from shale.contracts.jobs import JOBS, Job
from shale.contracts.resources import KINDS
from shale.contracts.subjects import WORDS, check, of_fact, of_job, word

CONTENT_TYPE = "application/cloudevents+json"
MAX_BYTES = 900 * 1024
"""No message is larger: the server's default `max_payload` is 1 MiB, headers included."""
MAX_ID = 512
"""Characters of a stranger's id that are repeated to a person."""

Message = Fact | Job


class Envelope(msgspec.Struct, frozen=True):
    """One CloudEvent; `time` is RFC 3339 and informative: nothing is decided by it."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: msgspec.Raw
    traceparent: str = ""
    specversion: str = "1.0"
    datacontenttype: str = "application/json"

    def __post_init__(self) -> None:
        """Refuse what is no CloudEvent of ours."""
        if self.specversion != "1.0":
            raise ValueError(f"CloudEvents {self.specversion} is not spoken here: send specversion 1.0")


def type_of(message: Message) -> str:
    """Return `dev.shale.<kind>.<fact>.v1`, for a job `dev.shale.job.<job>.v1`."""
    family = "job" if isinstance(message, JOBS) else message.about.kind
    return f"dev.shale.{family}.{word(type(message))}.v1"


def id_of(message: Message, seq: int = 0) -> str:
    """Return `<uid>:<generation>:<word>[:<part>][:<observedSeq>]`.

    The same message has the same id, whoever says it, however often.
    """
    about, part = message.about, getattr(message, "part", "")
    tail = f":{seq}" if isinstance(message, Progressed) else ""
    return f"{about.uid}:{about.generation}:{word(type(message))}{':' + part if part else ''}{tail}"


def trace_of(uid: str, generation: int) -> str:
    """Return the 32 hex digits of the trace that any service joins for this generation."""
    return hashlib.sha256(f"{uid}:{generation}".encode()).hexdigest()[:32]


def wrap(message: Message, source: str, now: float, seq: int = 0) -> bytes:
    """Return a message as it travels.

    `source` is the service, `now` seconds since the epoch, `seq` a reading's rising number.

    Raises ValueError when it would be larger than MAX_BYTES.
    """
    about, made = message.about, id_of(message, seq)
    span = hashlib.sha256(made.encode()).hexdigest()[:16]
    envelope = Envelope(
        id=made,
        source=f"/shale/{source}",
        type=type_of(message),
        subject=f"{about.namespace}/{about.name}",
        time=dt.datetime.fromtimestamp(now, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        data=msgspec.Raw(msgspec.json.encode(message)),
        traceparent=f"00-{trace_of(about.uid, about.generation)}-{span}-01",
    )
    encoded = msgspec.json.encode(envelope)
    if len(encoded) > MAX_BYTES:
        what = f"{envelope.type} about {envelope.subject}"
        raise ValueError(f"{what} is {len(encoded)} bytes; at most {MAX_BYTES} travel: cut its lists")
    return encoded


@lru_cache(maxsize=1024)
def _struct(type_: str) -> Any | None:  # noqa: ANN401 (a Struct class, or a generic one with its arguments)
    match type_.split("."):
        case ["dev", "shale", "job", said, "v1"] if WORDS.get(said) in JOBS:
            return WORDS[said]
        case ["dev", "shale", family, said, "v1"] if family != "job" and said in WORDS and WORDS[said] not in JOBS:
            kind = KINDS.get(family)
            if WORDS[said] is Declared:
                return Declared[kind.spec, kind.status] if kind else None
            return WORDS[said]
        case _:
            return None


def unwrap(encoded: bytes) -> tuple[Envelope, Message | None]:
    """Return the envelope and the message in it; None in its place when its type is not known here.

    Raises msgspec.DecodeError, msgspec.ValidationError (a ValueError) when it cannot be decoded.
    """
    try:
        envelope = msgspec.json.decode(encoded, type=Envelope)
        struct = _struct(envelope.type)
        return envelope, None if struct is None else msgspec.json.decode(envelope.data, type=struct)
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error


def unwrap_from(subject: str, encoded: bytes) -> tuple[Envelope, Message | None]:
    """Return what `unwrap` does, of a message that lies on `subject`.

    Raises ValueError also when it says to be about another object, generation, part or kind than its subject or its
    type, or about one that can have no subject (of `Gone` a subject says the uid alone).
    """
    envelope, message = unwrap(encoded)
    if message is None:
        return envelope, None
    check(message.about)
    if subject != (of_job(message) if isinstance(message, Job) else of_fact(message)):
        raise ValueError(f"it says to be {envelope.id[:MAX_ID]}, on the subject {subject}")
    if envelope.type != type_of(message):
        raise ValueError(f"it says to be {envelope.type}, and is about a {message.about.kind}")
    return envelope, message
