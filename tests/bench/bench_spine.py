"""Messages per ModelVersion, and apply to Ready of a 1 KB model: printed as JSON. Run by hand.

.venv/bin/python tests/bench/bench_spine.py [ROUNDS]
"""

import asyncio
import collections
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from shale.testkit.house import House
from shale.testkit.visitor import Visitor, visiting


async def _one(visitor: Visitor, number: int) -> tuple[float, collections.Counter[str]]:
    """Build one version of 1 KB; return the seconds to Ready, and how many messages of each word were published."""
    name = f"bench-{number}"
    folder = visitor.house.models / name
    folder.mkdir()
    (folder / "weights.bin").write_bytes(number.to_bytes(4, "big") * 256)
    visitor.heard.clear()
    began = time.monotonic()
    uid = (await visitor.apply(name)).metadata.uid
    await visitor.reaches(name)
    took = time.monotonic() - began
    await asyncio.sleep(0.3)  # what is said after Ready counts too
    return took, collections.Counter(_what(one.subject) for one in visitor.heard if uid in one.subject)


def _what(subject: str) -> str:
    """Return the plane and the word of a subject, the part left out: `fact image-built`, `tick image-builder`."""
    _, plane, *rest = subject.split(".")
    return f"{plane} {rest[5] if plane in {'fact', 'now'} else rest[0]}"


async def _measure(house: House, rounds: int) -> dict[str, object]:
    async with visiting(house) as visitor:
        await _one(visitor, 0)  # everything is up and imported
        runs = [await _one(visitor, number) for number in range(1, rounds + 1)]
    times = sorted(took for took, _ in runs)
    words = {
        word: statistics.median(count[word] for _, count in runs) for word in sorted(set().union(*(c for _, c in runs)))
    }
    return {
        "rounds": rounds,
        "apply_to_ready_seconds": {
            "p50": round(statistics.median(times), 3),
            "p90": round(times[int(0.9 * (rounds - 1))], 3),
            "max": round(times[-1], 3),
        },
        "messages_per_version": statistics.median(count.total() for _, count in runs),
        "messages": words,
    }


def main(rounds: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, House(Path(folder), ack_wait=30, lease_ttl=10) as house:
        sys.stdout.write(json.dumps(asyncio.run(_measure(house, rounds)), indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
