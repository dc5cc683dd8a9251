"""Who bears a name, and who refers to whom: read from what was declared."""

from collections.abc import Iterable, Sequence

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.facts import Declared
from shale.contracts.resources import KINDS
from shale.runtime.bus.census import declared
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.levels import read
from shale.runtime.told import Said

AT_ONCE = 256
"""Subjects read at a time: the server answers 1,024 (nats-findings)."""


async def named(bus: Bus, kind: str, namespace: str, name: str) -> About | None:
    """Return the newest that was declared under a name and is not gone. Raises Transient."""
    wishes = await borne(bus, kind, namespace, name)
    gone = await _read(bus, [subjects.of_gone(said.fact.about.uid) for said in wishes])
    over = {said.fact.about.uid for said in gone}
    there = [said for said in wishes if said.fact.about.uid not in over]
    return max(there, key=lambda said: said.sequence).fact.about if there else None


async def borne(bus: Bus, kind: str, namespace: str, name: str) -> list[Said]:
    """Return the newest wish of each object that anything is still told of under a name, gone or not.

    However many generations of them were declared. Raises Transient.
    """
    newest = await declared(bus, subjects.wishes(kind, namespace, name))
    return await _read(bus, [subjects.of_wish(one) for one in newest])


async def referrers(bus: Bus, kinds: Iterable[str], about: About) -> tuple[About, ...]:
    """Return the objects of these kinds in the namespace whose newest wish names `about`. Raises Transient.

    It reads every wish of them: a few milliseconds for a thousand.
    """
    named_so = (about.kind, about.name)
    found: list[About] = []
    for kind in kinds:
        newest = [subjects.of_wish(one) for one in await declared(bus, subjects.wishes(kind, about.namespace))]
        wishes = (said.fact for said in await _read(bus, newest) if isinstance(said.fact, Declared))
        found += [wish.about for wish in wishes if named_so in KINDS[kind].refers(wish.spec)]
    return tuple(found)


async def _read(bus: Bus, wanted: Sequence[str]) -> list[Said]:
    """Return the last message on each of these subjects, by as many requests as it takes."""
    said: list[Said] = []
    for start in range(0, len(wanted), AT_ONCE):
        said += (await read(bus, streams.FACTS.name, wanted[start : start + AT_ONCE])).said
    return said
