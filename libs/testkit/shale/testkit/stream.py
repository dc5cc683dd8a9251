"""NATS streams in memory, with the laws that Shale leans on, made from the same data as the real ones."""

from collections.abc import Iterable, Sequence

import msgspec

from shale.contracts import streams


class Stored(msgspec.Struct, frozen=True):
    """One message as its stream keeps it."""

    subject: str
    sequence: int
    data: bytes


def matches(chosen: str, subject: str) -> bool:
    """Return whether a subject is under a filter: `*` stands for one token, `>` for the rest, which is at least one."""
    wanted, there = chosen.split("."), subject.split(".")
    for position, one in enumerate(wanted):
        if one == ">":
            return len(there) > position
        if position >= len(there) or one not in {"*", there[position]}:
            return False
    return len(there) == len(wanted)


class SimStream:
    """One stream that keeps one message per subject; its sequences rise for ever, whatever is purged."""

    def __init__(self, stream: streams.Stream) -> None:
        self.name = stream.name
        self.last = 0
        self._refuses = stream.discard == "new"
        self._by_subject: dict[str, Stored] = {}

    def put(self, subject: str, data: bytes, expect: int | None = None, fence: str = "") -> int | None:
        """Store and return the sequence; None when refused.

        `expect` is the last sequence that must be on the subject `fence` (its own when not given), 0 for none. A stream
        that discards the new one refuses a second message on a subject; any other replaces the first.
        """
        if expect is not None and self.last_of(fence or subject) != expect:
            return None
        if self._refuses and subject in self._by_subject:
            return None
        self.last += 1
        self._by_subject.pop(subject, None)
        self._by_subject[subject] = Stored(subject, self.last, data)
        return self.last

    def last_of(self, subject: str) -> int:
        """Return the sequence of what lies on a subject, 0 for nothing."""
        stored = self._by_subject.get(subject)
        return stored.sequence if stored else 0

    def under(self, filters: Sequence[str]) -> list[Stored]:
        """Return what lies under any of the filters, oldest first."""
        return [one for one in self._by_subject.values() if any(matches(chosen, one.subject) for chosen in filters)]

    def at(self, sequence: int) -> Stored | None:
        """Return the message of one sequence, if it is still there."""
        return next((one for one in self._by_subject.values() if one.sequence == sequence), None)

    def drop(self, gone: Iterable[Stored]) -> None:
        """Delete exactly these messages; what replaced one of them stays."""
        for one in list(gone):
            if self.last_of(one.subject) == one.sequence:
                del self._by_subject[one.subject]


class SimConsumer:
    """One durable consumer: every message under its filters is its, until acked; of a work queue the ack deletes it."""

    def __init__(self, stream: SimStream, filters: Sequence[str], *, queue: bool) -> None:
        self.stream, self.filters, self._queue = stream, filters, queue
        self._acked: set[int] = set()
        self._held: set[int] = set()
        self._not_before: dict[int, float] = {}
        self.delivered: dict[int, int] = {}

    def waiting(self, now: float) -> list[Stored]:
        """Return what may be delivered now."""
        return [one for one in self._open() if one.sequence not in self._held and self._due(one) <= now]

    def next_due(self) -> float | None:
        """Return when the next message that was put off may be delivered."""
        return min((self._due(one) for one in self._open() if one.sequence not in self._held), default=None)

    def deliver(self, one: Stored) -> int:
        """Put a message into a worker's hands; return how often it was delivered by now."""
        self._held.add(one.sequence)
        self.delivered[one.sequence] = self.delivered.get(one.sequence, 0) + 1
        return self.delivered[one.sequence]

    def ack(self, one: Stored) -> None:
        """End a message (a term is the same to the stream)."""
        self._held.discard(one.sequence)
        self._acked.add(one.sequence)
        if self._queue:
            self.stream.drop([one])

    def nak(self, one: Stored, until: float = 0) -> None:
        """Give a message back, not to come before `until`."""
        self._held.discard(one.sequence)
        self._not_before[one.sequence] = until

    def _open(self) -> list[Stored]:
        return [one for one in self.stream.under(self.filters) if one.sequence not in self._acked]

    def _due(self, one: Stored) -> float:
        return self._not_before.get(one.sequence, 0)
