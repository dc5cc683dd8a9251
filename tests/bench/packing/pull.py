"""What `shale pull --have` fetches of a model of which one tensor in ten changed, where the first lies; as JSON.

Bytes are counted by a proxy before the registry: heads, manifests and tables are in them.
"""

import sys

from shale.testkit.bench import weights
from shale.testkit.bench.measure import MB, figure, held
from shale.testkit.bench.meter import Meter
from shale.testkit.bench.peers import Step, Task
from shale.testkit.bench.stage import asked, ours, run, tell

SHALE = (sys.executable, "-m", "shale.cli")


def main() -> None:
    """Print the figures."""
    stage = asked()
    base, changed = stage.model(), weights.scattered(stage.tensors)
    model, size = stage.model("scattered", changed), held(stage.model())
    truly, runs = weights.size_of(stage.tensors, changed), list[tuple[float, int]]()
    with stage.registry() as registry, Meter(registry.host) as meter, stage.room() as work:
        task = Task(model, meter.host, "bench/pulled", work)
        run(ours(task))
        for number in range(stage.rounds):
            before = meter.down
            words = ("pull", task.image, str(work / f"out-{number}"), "--have", str(base))
            took, _ = run([Step((*SHALE, *words), work)])
            runs.append((took.wall, meter.down - before))
    tell(
        {
            "n": stage.rounds,
            "model_mb": round(size / MB, 1),
            "truly_changed_mb": round(truly / MB, 1),
            "share_changed": round(truly / size, 3),
            "wall_s": figure([wall for wall, _ in runs]),
            "fetched_mb": figure([down / MB for _, down in runs], 1),
            "share_fetched": figure([down / size for _, down in runs], 4),
            "ratio_fetched_to_changed": figure([down / truly for _, down in runs], 4),
        }
    )


if __name__ == "__main__":
    main()
