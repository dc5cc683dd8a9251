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

import msgspec

from shale.testkit.house import House
from shale.testkit.visitor import Visitor, visiting


class One(msgspec.Struct, frozen=True):
    """One version of 1 KB: seconds until it was applied, until it was Ready, and how many messages of each word."""

    applied: float
    ready: float
    messages: collections.Counter[str]


async def _one(visitor: Visitor, number: int) -> One:
    """Build one version."""
    name = f"bench-{number}"
    folder = visitor.house.models / name
    folder.mkdir()
    (folder / "weights.bin").write_bytes(number.to_bytes(4, "big") * 256)
    visitor.heard.clear()
    began = time.monotonic()
    uid = (await visitor.apply(name)).metadata.uid
    applied = time.monotonic() - began
    await visitor.reaches(name)
    ready = time.monotonic() - began
    await asyncio.sleep(0.3)  # what is said after Ready counts too
    return One(applied, ready, collections.Counter(_what(one.subject) for one in visitor.heard if uid in one.subject))


def _what(subject: str) -> str:
    """Return the plane and the word of a subject, the part left out: `fact image-built`, `tick image-builder`."""
    _, plane, *rest = subject.split(".")
    return f"{plane} {rest[5] if plane in {'fact', 'now'} else rest[0]}"


async def _measure(house: House, rounds: int) -> dict[str, object]:
    async with visiting(house) as visitor:
        await _one(visitor, 0)  # everything is up and imported
        runs = [await _one(visitor, number) for number in range(1, rounds + 1)]
    times = sorted(one.ready for one in runs)
    apply, ready = statistics.median(one.applied for one in runs), statistics.median(times)
    words = sorted(set().union(*(one.messages for one in runs)))
    return {
        "n": rounds,
        "apply_to_ready_seconds": {
            "p50": round(ready, 3),
            "p90": round(times[int(0.9 * (rounds - 1))], 3),
            "max": round(times[-1], 3),
        },
        "apply_seconds": {"p50": round(apply, 5)},
        "ratio_ready_to_apply": round(ready / apply, 1),
        "messages_per_version": statistics.median(one.messages.total() for one in runs),
        "messages": {word: statistics.median(one.messages[word] for one in runs) for word in words},
    }


def main(rounds: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, House(Path(folder), ack_wait=30, lease_ttl=10) as house:
        sys.stdout.write(json.dumps(asyncio.run(_measure(house, rounds)), indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
