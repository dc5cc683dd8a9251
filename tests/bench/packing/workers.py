"""1, 2, 4 and 8 workers on one queue, where source and registry let each connection have 10 MB a second; as JSON.

A layer is read from a real reader and sent to a registry that keeps nothing, so that neither the disk nor the
registry's own work is the limit: only how many connections there are. As many layers as the most workers take at once.
Where `machine_busy` comes near 1 the processors are the limit, and the share of linear says nothing of the workers.
"""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from shale.builder_sync.card import CARD
from shale.contracts.artifact import File
from shale.sources.reader import wire
from shale.testkit.bench.measure import MB, busy_seconds, cpu_of, load, peak_of
from shale.testkit.bench.meter import Meter
from shale.testkit.bench.sink import Sink
from shale.testkit.bench.stage import asked, tell
from shale.testkit.bench.yard import KEY, Yard, weight, yard
from shale.testkit.nats import free_port

RATE = 10 * MB
COUNTS = (1, 2, 4, 8)
SECONDS = 4.8
"""That one layer takes at that rate."""
CLAIM = "0b5c"
WITHIN = 200.0


@contextmanager
def reader(volume: Path) -> Generator[str]:
    """Run a reader of a folder; yield its URI behind a meter."""
    port = free_port()
    with Meter(f"127.0.0.1:{port}", RATE) as meter:
        uri = wire.Address("127.0.0.1", meter.port, CLAIM, 1).uri
        proof = wire.proof(wire.token(KEY.encode(), CLAIM, 1))
        words = ("--uri", uri, "--volume", str(volume), "--proof", proof, "--host", "127.0.0.1", "--port", str(port))
        child = subprocess.Popen(
            [sys.executable, "-m", "shale.sources.reader", *words], stderr=subprocess.PIPE, text=True
        )
        try:
            assert child.stderr is not None
            assert "up at" in (said := child.stderr.readline()), said
            yield uri
        finally:
            child.terminate()
            child.communicate(timeout=60)


def sparse(folder: Path, count: int, size: int) -> list[File]:
    """Lay files out that are alike in nothing but their size."""
    folder.mkdir()
    for number in range(count):
        with (folder / f"shard-{number:02}.bin").open("wb") as file:
            file.write(secrets.token_bytes(64))
            file.truncate(size)
    return [weight(path.name, folder) for path in sorted(folder.iterdir())]


async def packed(at: Yard, count: int, uri: str, host: str, files: list[File], sink: int) -> dict[str, float]:
    """Return what so many workers took for all layers."""
    workers = await at.has(count)
    await asyncio.sleep(1)  # they ask for work by now
    before, around = sum(cpu_of(one.pid) for one in workers), time.process_time() + cpu_of(sink)
    busy, began = busy_seconds(), time.monotonic()
    layers = await at.asks(uri, f"{host}/bench/{secrets.token_hex(4)}", files)
    await at.hears(len(layers), WITHIN)
    wall = time.monotonic() - began
    return {
        "wall_s": round(wall, 2),
        "mb_per_s": round(sum(file.size for file in files) / wall / MB, 1),
        "cpu_s": round(sum(cpu_of(one.pid) for one in workers) - before, 2),
        "proxies_and_sink_cpu_s": round(time.process_time() + cpu_of(sink) - around, 2),
        "machine_busy": round((busy_seconds() - busy) / wall / (os.cpu_count() or 1), 2),
        "peak_rss_mb": round(max(peak_of(one.pid) for one in workers) / MB, 1),
        "load_after": load(),
    }


async def main() -> None:
    """Print the figures."""
    stage, found = asked(), dict[int, dict[str, float]]()
    with stage.room() as room, Sink() as sink, Meter(sink.host, RATE) as registry:
        files = sparse(room / "model", max(COUNTS) * CARD.concurrency, int(RATE * SECONDS))
        with reader(room / "model") as uri:
            for count in COUNTS:
                (room / str(count)).mkdir()
                async with yard(room / str(count), {}) as at:  # a new one knows nothing of these files
                    found[count] = await packed(at, count, uri, registry.host, files, sink.pid)
    first = found[COUNTS[0]]["wall_s"]
    linear = {count: round(first / one["wall_s"] / count, 3) for count, one in found.items()}
    tell(
        {
            "n": 1,
            "layers": len(files),
            "layer_mb": files[0].size / MB,
            "mb_per_s_of_each_connection": RATE / MB,
            "layers_at_once_per_worker": CARD.concurrency,
            "workers": found,
            "share_of_linear": linear,
        }
    )


if __name__ == "__main__":
    asyncio.run(main())
