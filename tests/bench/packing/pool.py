"""The same model declared again, to a pool of one worker that packed it before: seconds to the last layer, as JSON.

What the pool remembers of files (its index) makes the difference to `changes`, where nothing is known from before.
"""

import asyncio
import time
from pathlib import Path

from shale.testkit.bench.measure import GB, MB, cpu_of, figure
from shale.testkit.bench.meter import Meter
from shale.testkit.bench.stage import asked, tell
from shale.testkit.bench.yard import Yard, weight, yard
from shale.testkit.dockerregistry import DockerRegistry

WITHIN = 120.0
SETTLED = 2.5
"""Seconds after which a file's times are old enough to be believed."""


async def told(at: Yard, meter: Meter, repo: str, model: Path, files: list[str]) -> dict[str, float]:
    """Return what one version took."""
    (worker,) = await at.has(1)
    cpu, up, began = cpu_of(worker.pid), meter.up, time.monotonic()
    uri, listed = f"file:///bench/{model.name}", [weight(one, model) for one in files]
    layers = await at.asks(uri, f"{meter.host}/{repo}", listed)
    packed = await at.hears(len(layers), WITHIN)
    return {
        "wall_s": time.monotonic() - began,
        "cpu_s": cpu_of(worker.pid) - cpu,
        "sent_mb": (meter.up - up) / MB,
        "reused_layers": sum(one.layer.reused for one in packed),
    }


async def measured(registry: DockerRegistry) -> None:
    """Print the figures."""
    stage = asked()
    model = stage.model()
    files = sorted(path.name for path in model.glob("*.safetensors"))
    first, again, elsewhere = (list[dict[str, float]]() for _ in range(3))
    with stage.room() as room, Meter(registry.host) as meter:
        for number in range(stage.rounds):
            (room / str(number)).mkdir()
            environ = {"SHALE_ROOTS": f"/bench={stage.folder}"}
            async with yard(room / str(number), environ) as at:
                await asyncio.sleep(SETTLED)
                for runs, repo in ((first, "one"), (again, "one"), (elsewhere, "two")):
                    runs.append(await told(at, meter, f"{repo}/model-{number}", model, files))
                    await asyncio.sleep(SETTLED)
    size = sum((model / name).stat().st_size for name in files)
    sides = {"first": first, "again": again, "in_another_repository": elsewhere}
    found = {name: {what: figure([one[what] for one in runs], 3) for what in runs[0]} for name, runs in sides.items()}
    tell({"n": stage.rounds, "layers": len(files), "model_gb": round(size / GB, 2), **found})


def main() -> None:
    """Measure with a real registry."""
    with asked().registry() as registry:
        asyncio.run(measured(registry))


if __name__ == "__main__":
    main()
