"""The crash-anywhere driver, written once for every card: a run with power cuts must end where the calm run ends."""

import asyncio
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from shale.testkit.plane import SimBus, decoded
from shale.testkit.world import Disorder, Scene, Town

MOST_PER_PART = 2
"""Cuts per trigger and part: the third attempt that dies is refused as WorkerLost, which is another law."""


class Cuts:
    """Power that fails after so many steps, then after so many more; never oftener than `most` times per trigger."""

    def __init__(self, gaps: Sequence[int], most: int = MOST_PER_PART) -> None:
        self.made: list[str] = []
        """What was in hand at each cut."""
        self._gaps, self._most = list(gaps), most
        self._suffered: dict[str, int] = {}

    def fails(self, doing: Sequence[str]) -> bool:
        """Return whether the power fails now; a cut that would hit one trigger too often is let pass."""
        if not self._gaps:
            return False
        self._gaps[0] -= 1
        if self._gaps[0] >= 0:
            return False
        self._gaps.pop(0)
        if any(self._suffered.get(name, 0) >= self._most for name in doing):
            return False
        self._suffered |= {name: self._suffered.get(name, 0) + 1 for name in doing}
        self.made.append(" and ".join(doing))
        return True


def gaps(steps: Sequence[int]) -> list[int]:
    """Return the gaps between cuts at these steps of a run, counted from 0."""
    at = sorted(steps)
    return [max(0, after - before - 1) for before, after in pairwise((-1, *at))]


class End(msgspec.Struct, frozen=True):
    """Where a run ended: facts by subject, what is still asked, what was given up, the services' own worlds."""

    facts: dict[str, Any]
    jobs: tuple[str, ...]
    dead: tuple[tuple[str, str], ...]
    world: Any


class CrashError(AssertionError):
    """The run with cuts ended elsewhere than the calm run: the message says where and at which cuts."""


def _as_told(fact: Any) -> Any:  # noqa: ANN401 (a fact to anything that can be compared)
    return fact


def end_of(bus: SimBus, world: Any, modulo: Callable[[Any], Any] = _as_told) -> End:  # noqa: ANN401
    """Return where a town stands; `modulo` maps each fact to what must be equal of it (time is in no fact)."""
    facts = {one.subject: decoded(one.data)[1] for one in bus.facts.under([">"])}
    return End(
        facts={subject: modulo(fact) for subject, fact in sorted(facts.items())},
        jobs=tuple(sorted(one.subject for one in bus.jobs.under([">"]))),
        dead=tuple(sorted(bus.dead)),
        world=world,
    )


def run_to_end(scene: Scene, disorder: Disorder, modulo: Callable[[Any], Any] = _as_told) -> End:
    """Run a town to quiescence and return where it ended. Raises NeverQuietError."""
    town = Town(scene, disorder)
    asyncio.run(town.run())
    return end_of(town.bus, scene.world(), modulo)


def assert_crash_proof(  # noqa: PLR0913 (each is one thing that may go wrong)
    make_scene: Callable[[], Scene],
    cuts: Sequence[int],
    seed: int = 0,
    *,
    eager: int = 0,
    zombies: int = 0,
    modulo: Callable[[Any], Any] = _as_told,
) -> Cuts:
    """Run a scene calmly, then with cuts in an order drawn from `seed`; both must end alike, with no job left.

    `cuts` are numbers of steps, from one cut to the next. `make_scene` makes a fresh world at each call; what a service
    keeps behind its doors survives the cuts, the service itself does not. `eager` and `zombies` as `Disorder` says.
    Returns what was cut.
    """
    calm = run_to_end(make_scene(), Disorder(), modulo)
    power = Cuts(cuts, max(0, MOST_PER_PART - zombies))
    chance = random.Random(seed)  # noqa: S311 (an order, no secret)
    cut = run_to_end(make_scene(), Disorder(chance.randrange, power, eager=eager, zombies=zombies), modulo)
    if calm.jobs or cut != calm:
        raise CrashError(
            f"{cuts=} {seed=} {eager=} {zombies=}: {_differs(calm, cut)}; cut at {power.made or 'nothing'}"
        )
    return power


def assert_each_cut_proof(
    make_scene: Callable[[], Scene], every: int, modulo: Callable[[Any], Any] = _as_told
) -> list[str]:
    """Cut a calm run alone at each `every`th step, up to its last; it must end as without. Returns what was cut."""
    town = Town(scene := make_scene())
    asyncio.run(town.run())
    calm = end_of(town.bus, scene.world(), modulo)
    made: list[str] = []
    for step in range(0, len(town.steps), every):
        power = Cuts([step])
        cut = run_to_end(make_scene(), Disorder(power=power), modulo)
        if cut != calm or not power.made:
            raise CrashError(f"{step=}: {_differs(calm, cut)}; cut at {power.made or 'nothing'}")
        made += power.made
    return made


def _differs(calm: End, cut: End) -> str:
    """Return the first thing that is not as it was in the calm run."""
    if calm.jobs:
        return f"the calm run left jobs: {calm.jobs}"
    for subject in sorted(calm.facts.keys() | cut.facts.keys()):
        if calm.facts.get(subject) != cut.facts.get(subject):
            return f"{subject}: calm {calm.facts.get(subject)}, cut {cut.facts.get(subject)}"
    return f"calm {calm.jobs, calm.dead, calm.world}, cut {cut.jobs, cut.dead, cut.world}"
