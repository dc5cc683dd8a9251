"""What the loop reads before every decision."""

import msgspec

from shale.contracts.facts import Declared, ImageBuilt
from shale.runtime.plane import Plane
from shale.runtime.refers import with_refers
from shale.runtime.service import Card, Trigger, Woken
from shale.runtime.told import Said, Told


async def levels(card: Card, trigger: Trigger, sequence: int, plane: Plane) -> Told | None:
    """Read what was told, of what the object refers to as well; None when what woke us was purged since.

    A card that folds is led to the newest generation; what is left of those that woke it is read with that.
    """
    asked, readings = bool(card.asks), bool(card.reads)
    told = await plane.told(trigger.about, sequence, asked=asked, readings=readings)
    if told is not None and card.folds and told.declared is not None:
        newest, left = told.declared.about, await _left(trigger, told, sequence, plane)
        if newest.generation != told.about.generation:
            told = await plane.told(newest, sequence, asked=asked, readings=readings)
        if told is not None and left:
            told = msgspec.structs.replace(told, said=(*told.said, *left))
    if told is None or not card.refers:
        return told
    return await with_refers(card, told, getattr(trigger, "heard", 0), plane)


async def _left(trigger: Trigger, told: Told, sequence: int, plane: Plane) -> tuple[Said, ...]:
    """Return what is told of outlived generations that woke us, but what every read shows: declared and built.

    Who was at work when a newer generation was declared may tell his end after the purge; nothing else leads there.
    """
    newest = told.declared.about.generation if told.declared else 0
    older = getattr(trigger, "older", ())
    reads: list[Told | None] = [told]
    reads += [await plane.told(told.about.at(one), sequence, asked=False, readings=False) for one in older]
    outlived = [one for one in reads if one is not None and 0 < one.about.generation < newest]
    shown = (Declared, ImageBuilt)
    return tuple(
        said
        for one in outlived
        for said in one.said
        if said.fact.about.generation == one.about.generation and not isinstance(said.fact, shown)
    )


def aimed(card: Card, trigger: Trigger, told: Told) -> Trigger:
    """Return the trigger; for a card that folds, aimed at the newest generation."""
    return Woken(told.about, getattr(trigger, "sequence", 0)) if card.folds else trigger


def same(told: Told, again: Told | None) -> bool:
    """Whether the levels are what they were before the world was observed.

    Who folds facts into an object writes under the version that it observed: the facts must not be older than that
    version, or a process that slept in between would overwrite what others folded meanwhile.
    """
    return again is not None and (told.about, told.said, told.readings) == (again.about, again.said, again.readings)
