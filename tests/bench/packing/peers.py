"""A first push beside those of other makers, into the same registry on the same machine: A B A B, medians, as JSON."""

from collections.abc import Callable, Sequence
from functools import partial

from shale.testkit.bench import peers
from shale.testkit.bench.measure import GB, MB, BenchError, Spent, figure, held, paired
from shale.testkit.bench.peers import PEERS, Peer, Step, Task
from shale.testkit.bench.stage import PEERS as TOOLS
from shale.testkit.bench.stage import Stage, asked, ours, run, tell, versions
from shale.testkit.dockerregistry import DockerRegistry

Run = tuple[Spent, float, int]
"""What a push took, the registry's CPU seconds, and the bytes it holds afterwards."""


def pushed(stage: Stage, registry: DockerRegistry, steps: Callable[[Task], Sequence[Step]]) -> Run:
    """Push into an emptied registry, from an empty folder."""
    registry.wipe()
    with stage.room() as work:
        took, cpu = run(steps(Task(stage.model(), registry.host, "bench/model", work)), registry.pid)
    return took, cpu, held(registry.folder / "data")


def told(runs: list[Run], size: int) -> dict[str, object]:
    """Return the figures of one side."""
    return {
        "wall_s": figure([took.wall for took, _, _ in runs]),
        "gb_per_s": figure([size / took.wall / GB for took, _, _ in runs], 3),
        "client_cpu_s_per_gb": figure([took.cpu / size * GB for took, _, _ in runs]),
        "registry_cpu_s_per_gb": figure([cpu / size * GB for _, cpu, _ in runs]),
        "peak_rss_mb": figure([took.rss / MB for took, _, _ in runs], 1),
        "written_to_disk_mb": figure([took.written / MB for took, _, _ in runs], 1),
        "held_by_registry_mb": figure([stored / MB for _, _, stored in runs], 1),
    }


def against(stage: Stage, registry: DockerRegistry, peer: Peer) -> tuple[dict[str, object], list[Run]]:
    """Measure one peer beside ours; return its figures, and our runs between."""
    if reason := peers.missing(peer, TOOLS):
        return {"not_measured": reason}, []
    mine, theirs = list[Run](), list[Run]()
    try:
        for _ in range(stage.rounds):
            mine.append(pushed(stage, registry, ours))
            theirs.append(pushed(stage, registry, partial(peer.steps, TOOLS)))
    except BenchError as error:
        return {"not_measured": stage.why(error)}, mine
    size = held(stage.model())
    walls = ([took.wall for took, _, _ in theirs], [took.wall for took, _, _ in mine])
    return {"ratio_wall": paired(*walls), **told(theirs, size)}, mine


def main() -> None:
    """Print the figures."""
    stage = asked()
    stage.model()
    found, mine = dict[str, object](), list[Run]()
    with stage.registry() as registry:
        pushed(stage, registry, ours)  # the model is in the page cache, and everything was imported once
        for peer in PEERS:
            found[peer.name], beside = against(stage, registry, peer)
            mine += beside
    size = held(stage.model())
    tell(
        {
            "n": stage.rounds,
            "model_mb": round(size / MB, 1),
            "programs": versions(),
            "shale": told(mine, size) if mine else {},
            "peers": {**found, "kaniko": peers.KANIKO},
        }
    )


if __name__ == "__main__":
    main()
