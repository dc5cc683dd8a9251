"""What the loop answers by itself, before any service is asked: pure."""

from enum import Enum, auto

from shale.contracts.facts import Refused
from shale.contracts.jobs import JOBS, ends
from shale.runtime.service import Card, Trigger
from shale.runtime.told import Told


class Standing(Enum):
    """Whether a trigger still asks for anything."""

    OPEN = auto()
    SUPERSEDED = auto()
    """A newer generation was declared, or nothing is known of it any more."""
    ALREADY_TOLD = auto()
    """Its milestone is there; or this generation was refused, by whomever: nobody works for it any more."""
    TO_RELEASE = auto()
    """The object is gone and this service holds something of it."""
    BEHIND = auto()
    """What was read is older than the trigger: a follower answered that has not heard of this wish yet."""
    OVER = auto()
    """The object is gone and this service holds nothing of it."""


def standing(card: Card, trigger: Trigger, told: Told) -> Standing:
    """Return how a trigger stands, given what was told."""
    if card.folds:
        return Standing.OPEN
    if told.gone:
        mine = not isinstance(trigger, JOBS) and card.name in told.holders
        return Standing.TO_RELEASE if mine else Standing.OVER
    newest = told.declared.about.generation if told.declared else None
    if newest != trigger.about.generation:
        return Standing.BEHIND if newest is not None and newest < trigger.about.generation else Standing.SUPERSEDED
    if card.tidies:
        return Standing.OPEN
    return Standing.ALREADY_TOLD if told.one(Refused) or _ended(card, trigger, told) else Standing.OPEN


def _ended(card: Card, trigger: Trigger, told: Told) -> bool:
    if isinstance(trigger, JOBS):
        return any(told.one(fact, trigger.part) for fact in ends(type(trigger)))
    return any(told.one(fact) for fact in card.ends)
