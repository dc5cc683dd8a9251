"""The levels that every decision reads: what was asked and said of one object, as values."""

from typing import TypeVar

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Declared, Fact, Gone, Held, ImageBuilt, Progressed, Released
from shale.contracts.jobs import Job
from shale.contracts.resources import Spec, Status
from shale.contracts.subjects import word

F = TypeVar("F", bound=Fact)


class Said(msgspec.Struct, frozen=True):
    """One fact as the stream holds it: `sequence` is the stream's, `time` the envelope's (RFC 3339, informative)."""

    fact: Fact
    sequence: int = 0
    time: str = ""

    @property
    def is_gone(self) -> bool:
        """Whether this is the end of the uid, which outlives all else that was said of it."""
        return isinstance(self.fact, Gone)


class Told(msgspec.Struct, frozen=True):
    """Everything told about one generation of one object, the whole object's facts.

    And every generation declared or built; for a card that folds, what is left of outlived ones that woke it.

    `asked` holds the (word, part) of jobs that are asked and not ended; it is read before the facts, so a part is
    always seen as asked, done or refused. `readings` are there only for cards that ask for them. `now` is seconds
    since the epoch. `up_to` is the last sequence of the stream of facts when it was read.
    """

    about: About
    said: tuple[Said, ...] = ()
    asked: frozenset[tuple[str, str]] = frozenset()
    readings: tuple[Progressed, ...] = ()
    now: float = 0
    refers: tuple["Told", ...] = ()
    """What was told of the objects that the newest wish names, of those that are there and that the card minds."""
    up_to: int = 0

    def all(self, kind: type[F]) -> tuple[F, ...]:
        """Return the facts of one class that count for this generation: its own, and those of the whole object."""
        counts = (0, self.about.generation)
        return tuple(s.fact for s in self.said if isinstance(s.fact, kind) and s.fact.about.generation in counts)

    def one(self, kind: type[F], part: str | None = None) -> F | None:
        """Return the fact of one class (and part) that counts for this generation, if it was told."""
        found = (fact for fact in self.all(kind) if part is None or getattr(fact, "part", "") == part)
        return next(found, None)

    @property
    def declared(self) -> "Declared[Spec, Status] | None":
        """The newest wish, of whatever generation."""
        wishes = (s.fact for s in self.said if isinstance(s.fact, Declared))
        return max(wishes, key=lambda wish: wish.about.generation, default=None)

    @property
    def built(self) -> ImageBuilt | None:
        """The image of the newest generation that was built."""
        images = (s.fact for s in self.said if isinstance(s.fact, ImageBuilt))
        return max(images, key=lambda image: image.about.generation, default=None)

    @property
    def gone(self) -> bool:
        """Whether this uid is over."""
        return any(isinstance(s.fact, Gone) for s in self.said)

    @property
    def holders(self) -> tuple[str, ...]:
        """The services that hold something and have not released it, sorted."""
        released = {fact.part for fact in self.all(Released)}
        return tuple(sorted(fact.part for fact in self.all(Held) if fact.part not in released))

    def is_asked(self, job: type[Job], part: str) -> bool:
        """Return whether a job is asked and not ended."""
        return (word(job), part) in self.asked
