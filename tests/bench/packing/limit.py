"""The packer alone, before a registry that takes everything and keeps nothing, against sha256 alone; as JSON.

The limit: hashlib's sha256 over a buffer of 1 MiB, again and again, in one thread and in two.
"""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

from shale.testkit.bench.measure import GB, MB, Spent, cpu_of, figure, held
from shale.testkit.bench.peers import Task
from shale.testkit.bench.sink import Sink
from shale.testkit.bench.stage import THREADS, Stage, asked, ours, run, start, tell

BLOCK = 1 << 20
HASHED = 1 << 30
"""Bytes that each thread hashes."""


def hashed(threads: int) -> tuple[float, float]:
    """Return GB a second, and CPU seconds for each GB."""
    block = bytes(BLOCK)

    def one(_: int) -> None:
        digest = hashlib.sha256()
        for _ in range(HASHED // BLOCK):
            digest.update(block)

    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(threads)))
    total = threads * HASHED / GB
    return total / (time.monotonic() - began), (time.process_time() - cpu) / total


def packed(stage: Stage, sink: Sink, number: int) -> dict[str, float]:
    """Return what one first push into a repository of its own took."""
    size, before = held(stage.model()) / GB, cpu_of(sink.pid)
    with stage.room() as work:
        took, _ = run(ours(Task(stage.model(), sink.host, f"bench/model-{number}", work)))
    return {
        "wall_s": took.wall,
        "gb_per_s": size / took.wall,
        "client_cpu_s_per_gb": took.cpu / size,
        "sink_cpu_s_per_gb": (cpu_of(sink.pid) - before) / size,
        "peak_rss_mb": took.rss / MB,
    }


def main() -> None:
    """Print the figures."""
    stage = asked()
    stage.model()
    limits = {1: list[tuple[float, float]](), THREADS: list[tuple[float, float]]()}
    runs: list[dict[str, float]] = []
    starts: list[Spent] = []
    with Sink() as sink:
        packed_once = packed(stage, sink, 0)  # the model is in the page cache, and everything was imported once
        for number in range(1, stage.rounds + 1):
            for threads, found in limits.items():
                found.append(hashed(threads))
            runs.append(packed(stage, sink, number))
            starts.append(start(stage, sink.host, f"bench/empty-{number}"))
    told = {name: figure([one[name] for one in runs], 3) for name in packed_once}
    shares = [one["gb_per_s"] / limit for one, (limit, _) in zip(runs, limits[THREADS], strict=True)]
    size, best = held(stage.model()) / GB, limits[THREADS]
    beyond = [
        size / (one["wall_s"] - begun.wall) / rate for one, begun, (rate, _) in zip(runs, starts, best, strict=True)
    ]
    extra = [one["client_cpu_s_per_gb"] / cpu for one, (_, cpu) in zip(runs, limits[1], strict=True)]
    tell(
        {
            "n": stage.rounds,
            "model_mb": round(held(stage.model()) / MB, 1),
            "threads": THREADS,
            "sha256": {
                f"{threads}_threads": {
                    "gb_per_s": figure([rate for rate, _ in found], 3),
                    "cpu_s_per_gb": figure([cpu for _, cpu in found], 3),
                }
                for threads, found in limits.items()
            },
            "packer": told,
            "share_of_sha256_limit": figure(shares, 3),
            "start": {
                "wall_s": figure([one.wall for one in starts], 3),
                "cpu_s": figure([one.cpu for one in starts], 3),
            },
            "share_of_sha256_limit_beyond_start": figure(beyond, 3),
            "ratio_cpu_to_sha256": figure(extra),
        }
    )


if __name__ == "__main__":
    main()
