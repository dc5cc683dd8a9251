"""What is sent with `layout: tensors` after a change inside the shards, beside what truly changed; as JSON.

One module kind in all blocks, the last quarter of the blocks, one tensor in ten drawn from all. Bytes are counted by a
proxy before the registry. What `layout: files` would send is computed: every shard that was touched.
"""

from collections.abc import Sequence

from shale.testkit.bench import weights
from shale.testkit.bench.measure import MB, BenchError, held
from shale.testkit.bench.meter import Meter
from shale.testkit.bench.peers import TAG, Task
from shale.testkit.bench.stage import Stage, asked, ours, run, tell

KIND = "mlp.down_proj"


def sent(stage: Stage, meter: Meter, repo: str, name: str = "base", changed: Sequence[str] = ()) -> tuple[int, int]:
    """Push one model; return the bytes that went to the registry, and those of the files that are not the first's."""
    model, before = stage.model(name, changed), meter.up
    with stage.room() as work:
        run(ours(Task(model, meter.host, f"bench/{repo}", work, TAG if name == "base" else name), layout="tensors"))
    first = {path.name: path.stat().st_ino for path in stage.model().iterdir()}
    files = [path for path in model.glob("*.safetensors") if path.stat().st_ino != first.get(path.name)]
    return meter.up - before, sum(path.stat().st_size for path in files)


def told(up: int, files: int, truly: int, size: int) -> dict[str, float]:
    """Return the figures of one change."""
    return {
        "truly_changed_mb": round(truly / MB, 1),
        "sent_mb": round(up / MB, 1),
        "ratio_sent_to_changed": round(up / truly, 3),
        "share_of_model": round(up / size, 3),
        "layout_files_would_send_mb": round(files / MB, 1),
    }


def main() -> None:
    """Print the figures."""
    stage = asked()
    tensors, size, found = stage.tensors, held(stage.model()), dict[str, object]()
    changes = {
        "one_kind_in_all_blocks": weights.of_kind(tensors, KIND),
        "last_quarter_of_blocks": weights.of_last_blocks(tensors),
        "one_tensor_in_ten": weights.scattered(tensors),
    }
    with stage.registry() as registry, Meter(registry.host) as meter:
        try:
            first, _ = sent(stage, meter, "first")
            for name, changed in changes.items():
                sent(stage, meter, name)  # each after the first alone: what one changed is not there for the next
                found[name] = told(*sent(stage, meter, name, name, changed), weights.size_of(tensors, changed), size)
        except BenchError as error:
            tell({"not_measured": stage.why(error)})
            return
    tell({"n": 1, "model_mb": round(size / MB, 1), "first_push_sent_mb": round(first / MB, 1), **found})


if __name__ == "__main__":
    main()
