"""What was told of one object, from the facts that there are and from the history of those that were purged."""

import asyncio

import msgspec

from shale.cli import leftovers
from shale.cli.kinds import Target
from shale.contracts import subjects
from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Fact, Gone, ImageBuilt, LayerPacked, LayerRefused, Progressed, Refused
from shale.contracts.resources import Object
from shale.kube.resources import Missing, Resources
from shale.runtime.bus import history
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.jetplane import JetPlane
from shale.runtime.bus.referrals import borne
from shale.runtime.told import Told

HISTORY_WITHIN = 10.0
"""Seconds in which the history has what was told: it follows the facts by milliseconds."""
TURN = 0.1


Reading = Progressed


class Moment(msgspec.Struct, frozen=True):
    """One fact, and when it was told (RFC 3339)."""

    time: str
    fact: Fact


class Found(msgspec.Struct, frozen=True):
    """An object, or what is left of one: who it is, and the object itself while it is there."""

    about: About
    object: Object | None

    @property
    def deleting(self) -> bool:
        """Whether it is on its way out, or out."""
        return self.object is None or bool(self.object.metadata.deletion_timestamp)


async def find(bus: Bus, resources: Resources, wanted: Target, namespace: str) -> Found | None:
    """Return the object of a name; of one that is not there, the newest that anything is still told of."""
    obj = await resources.get(wanted.kind, namespace, wanted.name)
    if not isinstance(obj, Missing):
        meta = obj.metadata
        return Found(About(wanted.kind.word, namespace, wanted.name, meta.uid, meta.generation), obj)
    wishes = await borne(bus, wanted.kind.word, namespace, wanted.name)
    newest = max(wishes, key=lambda said: said.sequence, default=None)
    return None if newest is None else Found(newest.fact.about, None)


async def levels(bus: Bus, about: About) -> Told:
    """Return what is told of an object at its newest generation that was declared. Raises Transient."""
    plane = JetPlane(bus, "cli")
    told = await plane.told(about, 0, asked=True, readings=True)
    if told is not None and told.declared is not None and told.declared.about.generation != about.generation:
        told = await plane.told(told.declared.about, 0, asked=True, readings=True)
    return told or Told(about)


async def timeline(bus: Bus, about: About) -> list[Moment]:
    """Return every milestone of an object, the oldest first. Raises Transient."""
    found = [Moment(one.time, one.fact) async for one in history.milestones(bus, about)]
    known = {_key(one.fact) for one in found}
    told = await levels(bus, about)
    found += [Moment(said.time, said.fact) for said in told.said if _key(said.fact) not in known]
    return sorted(found, key=lambda one: one.time)


def ended(told: Told) -> bool:
    """Say whether nobody works for this generation any more."""
    return told.one(ImageBuilt) is not None or told.one(Refused) is not None


def is_void(reading: Reading, told: Told) -> bool:
    """Say whether a reading is of a part that has its milestone."""
    part = reading.part.partition(".")[2]
    return bool(part) and any(told.one(end, part) for end in (LayerPacked, LayerRefused))


async def last_uid(bus: Bus, about: About) -> str:
    """Return the uid of the last object that had this name, as the history knows it; empty when it knows none."""
    uids = [one.fact.about.uid async for one in history.milestones(bus, about) if isinstance(one.fact, Declared)]
    return uids[-1] if uids else ""


async def left_behind(bus: Bus, about: About) -> dict[str, tuple[str, ...]] | None:
    """Return what each holder of an object that is gone said that it left, by holder.

    None when the history cannot tell it within HISTORY_WITHIN: the object is gone all the same.
    """
    for _ in range(int(HISTORY_WITHIN / TURN)):
        try:
            facts = [one.fact async for one in history.milestones(bus, about)]
        except Transient:
            return None
        if any(isinstance(fact, Gone) for fact in facts) and leftovers.all_released(facts):
            return leftovers.were_left(facts)
        await asyncio.sleep(TURN)
    return None


def _key(fact: Fact) -> str:
    return subjects.of_fact(fact)
