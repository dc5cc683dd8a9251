"""Dead letters: a copy of what was given up, with its payload and why, before it is ended."""

from nats.aio.msg import Msg

from shale.contracts import jobs, subjects
from shale.contracts.envelope import MAX_BYTES
from shale.contracts.streams import FACTS, JOBS
from shale.runtime.bus.connection import FENCE, Bus
from shale.runtime.bus.levels import read
from shale.runtime.plane import Plane
from shale.runtime.service import Card


async def bury(bus: Bus, message: Msg, service: str, why: str) -> None:
    """Copy a message to the dead letters (once per sequence of its stream). Raises Transient.

    The copy comes before the end; of what is larger than a message may be, the beginning is kept.
    """
    meta = message.metadata
    headers = {
        FENCE: "0",
        "Shale-Dead-Subject": message.subject,
        "Shale-Dead-Stream": meta.stream,
        "Shale-Dead-Sequence": str(meta.sequence.stream),
        "Shale-Dead-Service": service,
        "Shale-Dead-Why": " ".join(why.split())[:1024],
    }
    await bus.publish(f"shale.dead.{meta.stream}.{meta.sequence.stream}", message.data[:MAX_BYTES], headers)


async def bury_undecodable(bus: Bus, plane: Plane, message: Msg, card: Card, why: str) -> None:
    """Bury what cannot be decoded. Raises Transient.

    A fact is deleted by its sequence, else its fence would refuse the true one for ever: by the one who purges, others
    may not. A job is told as refused, else who asked for it would wait for ever.
    """
    service = card.name
    await bury(bus, message, service, f"cannot be decoded: {why}")
    if message.metadata.stream == FACTS.name and card.purges:
        await bus.api(f"STREAM.MSG.DELETE.{FACTS.name}", {"seq": message.metadata.sequence.stream})
    if message.metadata.stream == JOBS.name:
        await _refuse(bus, plane, message.subject, service, why)
    await message.term()


async def _refuse(bus: Bus, plane: Plane, subject: str, service: str, why: str) -> None:
    """Say what ends the job on this subject badly; whom it is about is read from the wish that it was asked for."""
    try:
        word, part = subjects.asked(subject)
    except subjects.SubjectError:
        return  # nobody of ours asked there
    if not subjects.PART.fullmatch(part):
        return
    wishes = await read(bus, FACTS.name, (subjects.wish(subject),))
    message = f"{word} {part} cannot be decoded by {service}: {why}. Update {service}, then `shale retry` it"
    for kind in (job for job in jobs.JOBS if subjects.word(job) == word):
        for wish in wishes.said:
            await plane.say(jobs.refused(kind, wish.fact.about, part, "Undecodable", message))
