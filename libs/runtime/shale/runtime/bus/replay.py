"""Another chance for what was given up. Nothing is doubled by it, and one that was cut short is repeated."""

import msgspec

from shale.contracts import streams
from shale.contracts.envelope import unwrap
from shale.contracts.facts import Held
from shale.contracts.jobs import title
from shale.runtime.again import AskAgain, Chance, Moot, Otherwise, SayAgain, Wake, about_of, chance
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.deadletters import DeadLetter, drop
from shale.runtime.bus.jetplane import JetPlane

TRIES = 3
"""How often the world may move between a look at it and a word to it."""


class Replayed(msgspec.Struct, frozen=True):
    """What became of a letter, in one line; whether it went."""

    went: bool
    line: str


async def replay(bus: Bus, letter: DeadLetter) -> Replayed:
    """Do what is left to do about a letter, then drop it; one that ended otherwise stays. Raises Transient."""
    try:
        message = letter.read()
    except ValueError as error:
        return Replayed(went=False, line=f"it cannot be decoded here either ({error}): update Shale, or drop it")
    plane = JetPlane(bus, _source(letter))
    for _ in range(TRIES):
        told = await plane.told(about_of(message), 0, asked=True, readings=False)
        if told is None:
            raise RuntimeError("a read that asks for no sequence found it purged")
        meant = chance(message, letter.service, told)
        said = await _give(plane, letter, meant)
        if said:
            gone = not isinstance(meant, Otherwise) and (await drop(bus, letter.id) or True)
            return Replayed(gone, said)
    return Replayed(went=False, line=f"{letter.subject} changed {TRIES} times while it was replayed: try again")


async def _give(plane: JetPlane, letter: DeadLetter, meant: Chance) -> str:
    """Do it and say so; empty when the world moved meanwhile."""
    match meant:
        case AskAgain(job):
            await plane.ask(job)
            return f"asked again: {title(job)}"
        case SayAgain(Held() as held):
            return f"said again: {held.part} holds {held.about}" if await plane.hold(held) else ""
        case SayAgain(fact):
            return f"said again: {type(fact).__name__} of {fact.about}" if await plane.say(fact) else ""
        case Wake(about):
            await plane.wake(letter.service, about, 0)
            return f"{letter.service} looks again at {about}"
        case Moot(why) | Otherwise(why):
            return why


def _source(letter: DeadLetter) -> str:
    """Return who said it first: it stays its word."""
    if letter.stream == streams.TICKS.name:
        return letter.service
    return unwrap(letter.data)[0].source.rpartition("/")[2]
