"""The one loop: observe, then decide and perform until Done, Wait or Refuse.

Redelivery, restart and retry are not error paths: they are this path, entered again.
"""

import asyncio
import logging
from typing import Any

import msgspec

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.facts import Held, Released
from shale.contracts.jobs import JOBS
from shale.runtime.beat import Stopped
from shale.runtime.decision import (
    RUNTIME_EFFECTS,
    Ask,
    Do,
    Done,
    DropJobs,
    Forget,
    Hold,
    Look,
    Refuse,
    RuntimeEffect,
    Say,
    Wait,
)
from shale.runtime.plane import Ack, Answer, Leave, Nak, Plane, Term
from shale.runtime.service import Service, Trigger, Woken
from shale.runtime.standing import Standing, standing
from shale.runtime.told import Told
from shale.runtime.work import Work

MAX_STEPS = 64
LOOK_PAUSE = 0.02
"""Seconds before the world is read again, lest two writers that meet chase one another."""
_UNSEEN = object()

log = logging.getLogger("shale.loop")


class DidNotSettleError(Exception):
    """A service that decides for ever: a bug of its `decide`."""


async def settle(service: Service, work: Work, tries: int = 0) -> Answer:
    """Drive one trigger to its end and return how to answer for it; `tries` is how often it was delivered before.

    Facts are published before this returns: the order is always perform, publish, ack.
    """
    work.tries = tries
    try:
        return await _drive(service, work.trigger, work)
    except Stopped:
        return await _stopped(service, work)
    except Transient as error:
        return await work.retries(error)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is counted, told and dead-lettered, never lost)
        return await work.fails(error)


async def _drive(service: Service, trigger: Trigger, work: Work) -> Answer:
    sequence, seen = getattr(trigger, "sequence", 0), _UNSEEN
    for _ in range(MAX_STEPS):
        told = await _levels(service, trigger, sequence, work.plane)
        if told is None:
            return Ack()
        trigger = _aimed(service, trigger, told)
        if (stands := standing(service.card, trigger, told)) is not Standing.OPEN:
            return await _close(service, stands, told, work.plane)
        if seen is _UNSEEN:
            seen = await service.observe(trigger, told)
            if service.card.folds and not _same(told, await _levels(service, trigger, sequence, work.plane)):
                seen = _UNSEEN
                continue
        decision = service.decide(trigger, seen)
        if not isinstance(decision, Do):
            return await _answer(decision, work)
        if isinstance(decision.effect, RUNTIME_EFFECTS):
            said = await _enact(work.plane, service.card.name, told.about, decision.effect)
            if said is None:
                return Ack()
            sequence, seen = max(sequence, said), _UNSEEN
        elif gave_up := await work.begin():
            return await work.gives_up(gave_up)
        else:
            seen = await service.perform(decision.effect, seen, work.beat)
    raise DidNotSettleError(service.card.name)


def _aimed(service: Service, trigger: Trigger, told: Told) -> Trigger:
    """Return the trigger; for a card that folds, aimed at the newest generation."""
    return Woken(told.about, getattr(trigger, "sequence", 0)) if service.card.folds else trigger


async def _levels(service: Service, trigger: Trigger, sequence: int, plane: Plane) -> Told | None:
    """Read what was told; a card that folds is led to the newest generation."""
    asked, readings = bool(service.card.asks), bool(service.card.reads)
    told = await plane.told(trigger.about, sequence, asked=asked, readings=readings)
    if told is None or not service.card.folds or told.declared is None:
        return told
    newest = told.declared.about
    if newest.generation == told.about.generation:
        return told
    return await plane.told(newest, sequence, asked=asked, readings=readings)


def _same(told: Told, again: Told | None) -> bool:
    """Whether the levels are what they were before the world was observed.

    Who folds facts into an object writes under the version that it observed: the facts must not be older than that
    version, or a process that slept in between would overwrite what others folded meanwhile.
    """
    return again is not None and (told.about, told.said, told.readings) == (again.about, again.said, again.readings)


async def _enact(plane: Plane, service: str, about: About, effect: RuntimeEffect) -> int | None:
    """Perform one of the runtime's own effects.

    Return the sequence that a later read must show, None when the object is gone.
    """
    match effect:
        case Ask(jobs):
            for job in jobs:
                await plane.ask(job)
        case Say(facts):
            return max([await plane.say(fact) for fact in facts], default=0)
        case Hold():
            return await plane.hold(Held(about=about.whole(), part=service))
        case DropJobs():
            await plane.drop_jobs(about)
        case Forget(up_to, before, keep):
            await plane.forget(about, up_to, before=before, keep=keep)
        case Look():
            await asyncio.sleep(LOOK_PAUSE)
    return 0


async def _answer(decision: Done | Wait | Refuse, work: Work) -> Answer:
    match decision:
        case Done(facts):
            for fact in facts:
                await work.plane.say(fact)
            await work.ends(facts)
            return Ack()
        case Wait():
            delay = await work.waits(decision)
            if isinstance(work.trigger, JOBS):
                return Nak(delay)  # a job's tick is the job itself: acked, it would be neither asked nor ended
            await work.plane.arm(work.card.name, work.trigger.about, work.plane.now() + delay)
            return Ack()
        case Refuse(reason, message):
            await work.plane.say(work.refused(reason, message))
            return Term()


async def _close(service: Service, stands: Standing, told: Told, plane: Plane) -> Answer:
    """Answer for a trigger that asks for nothing more; a holder of what is gone undoes it first."""
    if stands is Standing.BEHIND:
        raise Transient(f"{told.about} is not readable yet")
    if stands is Standing.TO_RELEASE:
        released = await _released(service, told)
        await plane.say(msgspec.structs.replace(released, about=told.about.whole(), part=service.card.name))
    return Ack()


async def _released(service: Service, told: Told) -> Released:
    """Release; whatever is wrong with it, it is tried again: given up, the object could never be forgotten."""
    try:
        return await service.release(told.about, told)
    except Transient:
        raise
    except Exception as error:
        log.exception("release", extra={"about": str(told.about)})
        raise Transient(f"releasing {told.about}: {type(error).__name__}: {error}") from error


async def _stopped(service: Service, work: Work) -> Answer:
    """Answer for work that was told to stop: only the levels say whether it is over."""
    match work.beat.cause:
        case "handed over":
            return await work.hands_over()
        case "lost":
            return Leave()
        case _:
            pass
    told: Any = await work.plane.told(work.trigger.about, 0, asked=False, readings=False)
    over = told is None or standing(service.card, work.trigger, told) is not Standing.OPEN
    return Ack() if over else Nak(1)
