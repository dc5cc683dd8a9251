# ruff: noqa: ANN401 (what is seen and what is done are the service's own types: the loop only carries them)
"""What a service is: a card (data, read by the blueprint too) and three functions."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Fact, Milestone, Reading, Released
from shale.contracts.jobs import Job
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.told import Told


class Woken(msgspec.Struct, frozen=True):
    """Something was told of this object (a fact, a reading, a tick): look again.

    `sequence` is the fact's in its stream, else 0; `heard` that of the fact of an object that this one refers to.
    `older`: the generations before this one of which something was told as well, and which nobody else will look at.
    """

    about: About
    sequence: int = 0
    heard: int = 0
    older: tuple[int, ...] = ()


Trigger = Woken | Job


def together(woken: Sequence[Woken]) -> Woken:
    """Return what stands for all of these, sorted by age: the newest wish, to be read as new as the newest of all."""
    about = woken[-1].about
    older = {one.about.generation for one in woken} - {0, about.generation}
    newest = max(one.sequence for one in woken), max(one.heard for one in woken)
    return Woken(about, *newest, tuple(sorted(older)))


class Touch(msgspec.Struct, frozen=True):
    """What a service does to resources of one API group in Kubernetes, in any namespace: a rule of its ClusterRole."""

    group: str
    """Empty for the core group."""
    resources: tuple[str, ...]
    """Plurals, and subresources (`pods/log`)."""
    verbs: tuple[str, ...]


class Card(msgspec.Struct, frozen=True):
    """Everything about a service that others need to know, as data."""

    name: str
    does: str
    """One line, for people and the map."""
    kinds: tuple[str, ...]
    """The kinds that it serves, as words (`modelversion`)."""
    hears: tuple[type[Milestone], ...] = ()
    refers: tuple[tuple[str, type[Milestone]], ...] = ()
    """What wakes it for the objects that refer to another one, by their spec: the other's kind, and a fact of it."""
    reads: tuple[type[Reading], ...] = ()
    """Readings that wake it; it is then handed all readings of the object."""
    takes: tuple[type[Job], ...] = ()
    says: tuple[type[Fact], ...] = ()
    asks: tuple[type[Job], ...] = ()
    ends: tuple[type[Milestone], ...] = ()
    """Its last word about a generation: once told, there is nothing left to do."""
    tidies: bool = False
    """It has something to take down when all is said: it looks on after its last word, and after anyone's refusal."""
    folds: bool = False
    """It always looks at the newest generation, and at objects that are gone too (the watcher's own cards)."""
    concurrency: int = 16
    """Triggers in hand at a time, per process."""
    buckets: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    """Of other buckets, the first word of the keys that it writes, and reads by name: it lists and watches nothing."""
    purges: bool = False
    """It takes away what was told: the end of an object, and facts that nobody can decode. The watcher's own."""
    touches: tuple[Touch, ...] = ()
    """Whatever it may do in Kubernetes: its ServiceAccount is refused everything else (Secrets: `shale grant`)."""

    @property
    def minds(self) -> frozenset[str]:
        """The kinds whose facts concern it: its own, and those that they refer to."""
        return frozenset((*self.kinds, *(kind for kind, _ in self.refers)))


class Service(Protocol):
    """A card and three functions; `decide` does no I/O and reads aloud as the service's specification."""

    card: Card

    async def observe(self, trigger: Trigger, told: Told) -> Any:
        """Return what is so: what was told, and the service's own world."""
        ...

    def decide(self, trigger: Trigger, seen: Any) -> Decision:
        """Return the next step."""
        ...

    async def perform(self, effect: Any, seen: Any, beat: Beat) -> Any:
        """Change the world, and return what is so now. Long work tells `beat` how far it is, and runs in a thread."""
        ...

    async def release(self, about: About, told: Told) -> Released:
        """Undo what is held for an object that is gone.

        Needs no Secret and no peer, and may be called again after a crash.
        """
        ...
