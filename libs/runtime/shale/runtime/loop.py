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
from shale.runtime.levels import aimed, levels, same
from shale.runtime.plane import Ack, Answer, Leave, Nak, Plane, Term
from shale.runtime.refers import wake_referrers
from shale.runtime.service import Service, Trigger
from shale.runtime.silence import LOOK, WORK
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
        if work.trigger.about.kind not in service.card.kinds:
            return await wake_referrers(service.card, work.trigger, work.plane)
        return await _drive(service, work.trigger, work)
    except Stopped:
        return await _halted(service, work)
    except Transient as error:
        return await work.retries(error)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is counted, told and dead-lettered, never lost)
        return await work.fails(error)


async def _drive(service: Service, trigger: Trigger, work: Work) -> Answer:
    sequence, seen, decision, woken = getattr(trigger, "sequence", 0), _UNSEEN, None, trigger
    for _ in range(MAX_STEPS):
        work.beat.heed()
        told = await levels(service.card, woken, sequence, work.plane)
        if told is None:
            return Ack()
        trigger = aimed(service.card, woken, told)
        if (stands := standing(service.card, trigger, told)) is not Standing.OPEN:
            return await _close(service, stands, told, work)
        if seen is _UNSEEN and (seen := await _seen(service, woken, told, sequence, work)) is _UNSEEN:
            continue
        decision = service.decide(trigger, seen)
        if not isinstance(decision, Do):
            return await _answer(decision, work)
        if isinstance(decision.effect, RUNTIME_EFFECTS):
            said = await _enact(work.plane, service.card.name, told.about, decision.effect)
            if said is None:
                return Ack()
            sequence, seen = max(sequence, said), _UNSEEN
        elif (answer := await work.begin()) is not None:
            return answer
        else:
            async with work.silence.within(WORK, f"{type(decision.effect).__name__} of {trigger.about}"):
                seen = await service.perform(decision.effect, seen, work.beat)
    if decision is None or decision == Do(Look()):
        raise Transient(f"{trigger.about} changes faster than {service.card.name} looks at it")
    raise DidNotSettleError(service.card.name)


async def _seen(service: Service, woken: Trigger, told: Told, sequence: int, work: Work) -> Any:  # noqa: ANN401 (the service's own)
    """Observe; what a card that folds saw counts only when nothing was told meanwhile."""
    async with work.silence.within(LOOK, f"a look at {told.about}"):
        seen = await service.observe(aimed(service.card, woken, told), told)
    if service.card.folds and not same(told, await levels(service.card, woken, sequence, work.plane)):
        return _UNSEEN
    return seen


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
                # A job's Wait is the one nak that is no Transient (events.md has nobody nak to wait): a job has no tick
                # but itself, and acked it would be neither asked nor ended. It is bounded: workers have few in hand.
                return Nak(delay)
            await work.plane.arm(work.card.name, work.trigger.about, work.plane.now() + delay)
            return Ack()
        case Refuse(reason, message):
            await work.plane.say(work.refused(reason, message))
            return Term()


async def _close(service: Service, stands: Standing, told: Told, work: Work) -> Answer:
    """Answer for a trigger that asks for nothing more; a holder of what is gone undoes it first."""
    if stands is Standing.BEHIND:
        raise Transient(f"{told.about} is not readable yet")
    if stands is Standing.TO_RELEASE:
        if told.declared is not None:
            work.aim(told.declared.about)
        async with work.silence.within(WORK, f"the release of {told.about}"):
            released = await _released(service, told)
        await work.plane.say(msgspec.structs.replace(released, about=told.about.whole(), part=service.card.name))
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


async def _halted(service: Service, work: Work) -> Answer:
    """Answer for work that was told to stop, as far as the bus lets us know why."""
    try:
        return await _stopped(service, work)
    except Transient as error:
        return await work.rests(str(error), 1)


async def _stopped(service: Service, work: Work) -> Answer:
    """Answer for work that was told to stop: only the levels say whether it is over."""
    match work.beat.cause:
        case "handed over":
            return await work.rests("handed over: this process ends")
        case "lost":
            await work.rests("lost touch with NATS while it was at work")
            return Leave()
        case _:
            pass
    told: Any = await work.plane.told(work.trigger.about, 0, asked=False, readings=False)
    over = told is None or standing(service.card, work.trigger, told) is not Standing.OPEN
    return Ack() if over else await work.rests("stopped, though it is still wanted", 1)
