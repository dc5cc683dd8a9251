"""What another chance for a dead letter would be, given what was told since: pure."""

import msgspec

from shale.contracts.about import About
from shale.contracts.envelope import Message
from shale.contracts.facts import (
    Declared,
    Fact,
    Gone,
    LayerPacked,
    LayerRefused,
    Milestone,
    Progressed,
    Refused,
    Released,
    Scanned,
    ScanRefused,
)
from shale.contracts.jobs import OTHER_END, Job, ends, title
from shale.contracts.subjects import of_fact
from shale.runtime.told import Told


class AskAgain(msgspec.Struct, frozen=True):
    """The job, on its own subject."""

    job: Job


class SayAgain(msgspec.Struct, frozen=True):
    """The fact, under its fence: nobody holds another one in its place."""

    fact: Milestone


class Wake(msgspec.Struct, frozen=True):
    """Who gave it up looks again: what it was woken by is still so."""

    about: About


class Moot(msgspec.Struct, frozen=True):
    """Nothing is left to do: the world is there, or further."""

    why: str


class Otherwise(msgspec.Struct, frozen=True):
    """It ended otherwise meanwhile: nothing is said, the letter stays."""

    why: str


Chance = AskAgain | SayAgain | Wake | Moot | Otherwise


def chance(message: Message | About, service: str, told: Told) -> Chance:
    """Return what to do about a message that `service` gave up."""
    if isinstance(message, (About, Progressed)):
        return _look(about_of(message), service, told)
    return _job(message, told) if isinstance(message, Job) else _fact(message, service, told)


def about_of(message: Message | About) -> About:
    """Return whom a message, or a tick, is about."""
    return message if isinstance(message, About) else message.about


def _job(job: Job, told: Told) -> Chance:
    about = job.about
    if over := _over(about, told):
        return Moot(over)
    for end in ends(type(job)):
        if (fact := told.one(end, job.part)) is not None:
            return _ended(title(job), fact)
    if (refused := told.one(Refused)) is not None:
        return Otherwise(_refused(str(about), refused))
    if told.is_asked(type(job), job.part):
        return Moot(f"{title(job)} is asked already")
    return AskAgain(job)


def _fact(fact: Milestone, service: str, told: Told) -> Chance:
    there = next((one.fact for one in told.said if of_fact(one.fact) == of_fact(fact)), None)
    if there == fact:
        return _look(fact.about, service, told)
    if there is not None:
        return Otherwise(f"another {type(fact).__name__} was told of {fact.about} meanwhile: the first one counts")
    if not isinstance(fact, (Gone, Released)) and (over := _over(fact.about, told, fact)):
        return Moot(over)
    end, part = OTHER_END.get(type(fact)), getattr(fact, "part", "")
    if end is not None and (other := told.one(end, part)) is not None:
        return _ended(f"{type(fact).__name__} {part} of {fact.about}", other)
    return SayAgain(fact)


def _look(about: About, service: str, told: Told) -> Chance:
    refused = told.one(Refused, service)
    return Otherwise(_refused(str(about), refused)) if refused else Wake(about)


def _ended(what: str, end: Scanned | LayerPacked | ScanRefused | LayerRefused) -> Moot | Otherwise:
    if isinstance(end, (ScanRefused, LayerRefused)):
        return Otherwise(_refused(what, end))
    return Moot(f"{what} is done already")


def _refused(what: str, refusal: Refused | ScanRefused | LayerRefused) -> str:
    said = f"{refusal.reason}: {refusal.message}"
    return f"{what} was refused meanwhile ({said}): `{refusal.about.retry}` is a new attempt"


def _over(about: About, told: Told, fact: Fact | None = None) -> str:
    """Return why nobody waits for this any more; empty when somebody does."""
    if told.gone:
        return f"{about} is gone"
    newest = told.declared.about.generation if told.declared else 0
    if newest == 0 and not isinstance(fact, Declared):
        return f"nothing is known of {about} any more"
    if newest > about.generation > 0:
        return f"{about} is superseded by generation {newest}"
    return ""
