"""Who bears a name, and who refers to whom: read from what was declared."""

from collections.abc import Iterable

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.contracts.facts import Declared
from shale.contracts.resources import KINDS
from shale.runtime.bus.census import JetCensus
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.levels import read

AT_ONCE = 256
"""Subjects read at a time: the server answers 1,024 (nats-findings)."""


async def named(bus: Bus, kind: str, namespace: str, name: str) -> About | None:
    """Return the newest that was declared under a name and is not gone. Raises Transient."""
    wishes = (await read(bus, streams.FACTS.name, (subjects.wishes(kind, namespace, name),))).said
    uids = {said.fact.about.uid for said in wishes}
    gone = (await read(bus, streams.FACTS.name, tuple(map(subjects.of_gone, uids)))).said if uids else ()
    over = {said.fact.about.uid for said in gone}
    there = [said for said in wishes if said.fact.about.uid not in over]
    return max(there, key=lambda said: said.sequence).fact.about if there else None


async def referrers(bus: Bus, kinds: Iterable[str], about: About) -> tuple[About, ...]:
    """Return the objects of these kinds in the namespace whose newest wish names `about`. Raises Transient.

    It reads every wish of them: a few milliseconds for a thousand.
    """
    named_so = (about.kind, about.name)
    found: list[About] = []
    for kind in kinds:
        newest = [subjects.of_wish(one) for one in await JetCensus(bus).declared(kind, about.namespace)]
        for start in range(0, len(newest), AT_ONCE):
            level = await read(bus, streams.FACTS.name, newest[start : start + AT_ONCE])
            wishes = (said.fact for said in level.said if isinstance(said.fact, Declared))
            found += [wish.about for wish in wishes if named_so in KINDS[kind].refers(wish.spec)]
    return tuple(found)
