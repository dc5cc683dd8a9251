"""A worker is killed amid a layer, another one takes it over: what was sent twice, as JSON.

A proxy before the registry counts the bytes, and keeps the first worker slow enough to be killed in the middle. Twice:
before a registry that goes on behind the last byte that came, as the specification says, and before docker-registry,
whose 2.8 lets go of an upload of which a part broke off ("resumed at wrong offset").
"""

import asyncio
import os

from shale.testkit.bench.measure import MB
from shale.testkit.bench.meter import Meter
from shale.testkit.bench.sink import Sink
from shale.testkit.bench.stage import Stage, asked, tell
from shale.testkit.bench.yard import Yard, weight, yard
from shale.testkit.soon import soon

SIZE = 256 << 20
RATE = 100 * MB
AT = 0.6
"""Of the layer, when its worker is killed."""
WITHIN = 120.0


async def killed(at: Yard, meter: Meter, stage: Stage, number: int) -> dict[str, float]:
    """Return what one kill cost."""
    with stage.room() as room:
        path = room / "model.bin"
        path.write_bytes(os.urandom(1 << 20) * (SIZE >> 20))
        begun = meter.up
        (worker,) = await at.has(1)
        uri = f"file:///bench/{room.name}"
        await at.asks(uri, f"{meter.host}/bench/model-{number}", [weight(path.name, room)])
        await soon(lambda: meter.up - begun > AT * SIZE)
        worker.kill()
        at_kill = meter.up - begun
        at.start()
        (packed,) = await at.hears(1, WITHIN)
        sent = meter.up - begun
    again = sent - packed.layer.size
    return {"killed_at_mb": at_kill / MB, "sent_mb": sent / MB, "again_mb": again / MB, "again_mib": again / 2**20}


async def before(host: str, stage: Stage) -> dict[str, object]:
    """Return the figures before one registry."""
    environ = {"SHALE_ROOTS": f"/bench={stage.folder}"}
    with Meter(host, RATE) as meter, stage.room() as room:
        async with yard(room, environ, ack_wait=3) as at:
            runs = [await killed(at, meter, stage, number) for number in range(stage.rounds)]
    worst = max(runs, key=lambda one: one["again_mib"])
    told = {name: round(value, 1) for name, value in worst.items()}
    return {"worst": told, "again_mib": {"each": [round(one["again_mib"], 1) for one in runs]}}


async def main() -> None:
    """Print the figures."""
    stage = asked()
    with Sink() as sink:
        told = {"as_specified": await before(sink.host, stage)}
    with stage.registry() as registry:
        told["docker_registry"] = await before(registry.host, stage)
    tell({"n": stage.rounds, "layer_mb": SIZE / MB, **told})


if __name__ == "__main__":
    asyncio.run(main())
