"""Dead letters: a copy of what was given up, with its payload and why, before it is ended."""

from nats.aio.msg import Msg

from shale.contracts.streams import FACTS
from shale.runtime.bus.connection import FENCE, Bus


async def bury(bus: Bus, message: Msg, service: str, why: str) -> None:
    """Copy a message to the dead letters (once per sequence of its stream). Raises Transient.

    The copy comes before the end.
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
    await bus.publish(f"shale.dead.{meta.stream}.{meta.sequence.stream}", message.data, headers)


async def bury_undecodable(bus: Bus, message: Msg, service: str, why: str) -> None:
    """Bury what cannot be decoded; a fact is deleted too, by its sequence.

    Else its fence would refuse the true one for ever.
    """
    await bury(bus, message, service, f"cannot be decoded: {why}")
    if message.metadata.stream == FACTS.name:
        await bus.api(f"STREAM.MSG.DELETE.{FACTS.name}", {"seq": message.metadata.sequence.stream})
    await message.term()
