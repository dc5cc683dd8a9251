"""Objects that wait for objects: a fact about one also wakes who refers to it, by its spec."""

import msgspec

from shale.contracts.resources import KINDS
from shale.runtime.plane import Ack, Answer, Plane
from shale.runtime.service import Card, Trigger
from shale.runtime.told import Told


async def wake_referrers(card: Card, trigger: Trigger, plane: Plane) -> Answer:
    """Wake the card's own objects that refer to the trigger's: each is settled by itself, as ever."""
    for about in await plane.referrers(card.kinds, trigger.about):
        await plane.wake(card.name, about, getattr(trigger, "sequence", 0))
    return Ack()


async def with_refers(card: Card, told: Told, heard: int, plane: Plane) -> Told:
    """Return the levels, with those of each object that the newest wish names and that the card minds.

    They are read as new as the fact that woke us (`heard`).
    """
    wish = told.declared
    if wish is None:
        return told
    minded = {kind for kind, _ in card.refers}
    found: list[Told] = []
    for kind, name in KINDS[told.about.kind].refers(wish.spec):
        about = await plane.named(kind, told.about.namespace, name) if kind in minded else None
        if about and (level := await plane.told(about, heard, asked=False, readings=False)):
            found.append(level)
    return msgspec.structs.replace(told, refers=tuple(found))
