"""The peak of a worker's memory over a layer of 2 GB and one of 20 GB (sparse), and what it writes to disks; as JSON.

The registry takes everything and keeps nothing: 20 GB would fill disks, and are of no use there.
"""

import asyncio
import time

from shale.testkit.bench.measure import GB, MB, cpu_of, peak_of, written_by
from shale.testkit.bench.sink import Sink
from shale.testkit.bench.stage import asked, tell
from shale.testkit.bench.yard import weight, yard

SIZES = (2, 20)
WITHIN = 280.0


async def main() -> None:
    """Print the figures."""
    stage, found = asked(), dict[str, dict[str, float]]()
    with stage.room() as room, Sink() as sink:
        (room / "model").mkdir()
        async with yard(room, {"SHALE_ROOTS": f"/bench={room}/model"}) as at:
            for size in SIZES:
                path = room / "model" / f"{size}.bin"
                with path.open("wb") as file:
                    file.truncate(size * GB)
                await at.has(0)
                (worker,) = await at.has(1)
                idle, cpu, began = peak_of(worker.pid), cpu_of(worker.pid), time.monotonic()
                await at.asks("file:///bench", f"{sink.host}/bench/model-{size}", [weight(path.name, path.parent)])
                await at.hears(1, WITHIN)
                wall = time.monotonic() - began
                found[f"{size}_gb"] = {
                    "peak_rss_mb": round(peak_of(worker.pid) / MB, 1),
                    "idle_rss_mb": round(idle / MB, 1),
                    "written_to_disk_mb": round(written_by(worker.pid) / MB, 3),
                    "wall_s": round(wall, 1),
                    "gb_per_s": round(size / wall, 2),
                    "cpu_s_per_gb": round((cpu_of(worker.pid) - cpu) / size, 2),
                }
    tell({"n": 1, "layers": found})


if __name__ == "__main__":
    asyncio.run(main())
