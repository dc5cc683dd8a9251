"""What is sent when little or nothing changed: the same model again, and one shard of four; as JSON.

Bytes are counted by a proxy before the registry, so they hold heads and manifests too. The repeated push hashes
everything again: nothing is known from before. Its limit is sha256 alone in as many threads.
"""

from pathlib import Path

import limit

from shale.testkit.bench import weights
from shale.testkit.bench.measure import GB, MB, figure, held
from shale.testkit.bench.meter import Meter
from shale.testkit.bench.peers import TAG, Task
from shale.testkit.bench.stage import THREADS, Stage, asked, ours, run, start, tell

SHARD = 1


def sent(stage: Stage, meter: Meter, model: Path, tag: str = TAG) -> tuple[float, int]:
    """Push; return seconds, and the bytes that went to the registry."""
    before = meter.up
    with stage.room() as work:
        took, _ = run(ours(Task(model, meter.host, "bench/model", work, tag)))
    return took.wall, meter.up - before


def main() -> None:
    """Print the figures."""
    stage = asked()
    changed = weights.of_shard(stage.tensors, SHARD)
    truly = weights.size_of(stage.tensors, changed)
    other, size = stage.model("shard", changed), held(stage.model())
    first, again, shard, limits = (list[tuple[float, float]]() for _ in range(4))
    starts: list[float] = []
    with stage.registry() as registry:
        for _ in range(stage.rounds):
            registry.wipe()
            with Meter(registry.host) as meter:
                first.append(sent(stage, meter, stage.model()))
                again.append(sent(stage, meter, stage.model()))
                limits.append(limit.hashed(THREADS))
                starts.append(start(stage, registry.host, "bench/empty").wall)
                shard.append(sent(stage, meter, other, "v2"))
    shares = [size / GB / wall / rate for (wall, _), (rate, _) in zip(again, limits, strict=True)]
    beyond = [
        size / GB / (wall - begun) / rate for (wall, _), begun, (rate, _) in zip(again, starts, limits, strict=True)
    ]
    tell(
        {
            "n": stage.rounds,
            "model_mb": round(size / MB, 1),
            "first_push": {
                "wall_s": figure([wall for wall, _ in first]),
                "sent_mb": figure([up / MB for _, up in first]),
            },
            "unchanged": {
                "wall_s": figure([wall for wall, _ in again]),
                "sent_mb": figure([up / MB for _, up in again], 3),
                "share_of_sha256_limit": figure(shares, 3),
                "start_s": figure(starts, 3),
                "share_of_sha256_limit_beyond_start": figure(beyond, 3),
            },
            "one_shard_of_four": {
                "wall_s": figure([wall for wall, _ in shard]),
                "sent_mb": figure([up / MB for _, up in shard], 1),
                "truly_changed_mb": round(truly / MB, 1),
                "ratio_sent_to_changed": figure([up / truly for _, up in shard], 4),
                "share_of_model": figure([up / size for _, up in shard], 3),
            },
        }
    )


if __name__ == "__main__":
    main()
