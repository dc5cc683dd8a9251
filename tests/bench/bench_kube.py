"""CPU per watched object beside the official client's Watch, apply to first fact, and writes per version, as JSON.

.venv/bin/python tests/bench/bench_kube.py [OBJECTS] [ROUNDS]
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from kubernetes.aio import client, config, watch

from shale.contracts.facts import Declared
from shale.contracts.resources import GROUP, VERSION, ModelVersion, ModelVersionStatus
from shale.contracts.resources.meta import Condition
from shale.kube.cluster import ClusterResources
from shale.kube.connection import connected
from shale.kube.resources import Changed
from shale.testkit import samples
from shale.testkit.asking import applied
from shale.testkit.house import House
from shale.testkit.kube import bed_of_ones_own
from shale.testkit.visitor import visiting

NS = "default"
WRITTEN = 10
"""Versions that are built to count what is written to each."""
WATCHES = 5
STATUS = ModelVersionStatus(
    phase="Ready",
    image="registry.example/models/resnet:v1",
    digest=f"sha256:{'0' * 64}",
    conditions=(Condition("Ready", "True", "ImageBuilt", "registry.example/models/resnet:v1@sha256", "", 1),),
)


async def _fill(resources: ClusterResources, objects: int) -> None:
    gate = asyncio.Semaphore(16)

    async def make(number: int) -> None:
        async with gate:
            made = await applied(resources, samples.version(NS, f"bench-{number}"))
            await resources.apply_status(made, STATUS)

    await asyncio.gather(*(make(number) for number in range(objects)))


async def _ours(resources: ClusterResources) -> AsyncGenerator[object]:
    async with aclosing(resources.watch(samples.VERSION, "0")) as changes:
        async for change in changes:
            yield change


async def _theirs(kubeconfig: str) -> AsyncGenerator[object]:
    configuration = client.Configuration()
    await cast("Any", config).load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    async with client.ApiClient(configuration) as api:
        listed = cast("Any", client.CustomObjectsApi(api)).list_cluster_custom_object
        async with cast("Any", watch.Watch()).stream(
            listed, GROUP, VERSION, samples.VERSION.plural, resource_version="0", timeout_seconds=60
        ) as stream:
            async for event in stream:
                yield event


async def _cost(stream: AsyncGenerator[object], objects: int) -> float:
    """Return the microseconds of CPU for each of so many events."""
    await anext(stream)
    began = time.process_time()
    for _ in range(objects - 1):
        await anext(stream)
    took = time.process_time() - began
    await stream.aclose()
    return took / (objects - 1) * 1e6


async def _watched(kubeconfig: str, objects: int) -> dict[str, float]:
    async with connected(kubeconfig) as connection:
        resources = ClusterResources(connection)
        await _fill(resources, objects)
        pairs = [
            (await _cost(_ours(resources), objects), await _cost(_theirs(kubeconfig), objects)) for _ in range(WATCHES)
        ]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "n": WATCHES,
        "objects": objects,
        "cpu_us_per_object": round(ours, 1),
        "cpu_us_per_object_official_watch": round(theirs, 1),
        "ratio_official_to_ours": round(theirs / ours, 2),
    }


async def _first_facts(house: House, kubeconfig: str, rounds: int) -> dict[str, object]:
    times: list[tuple[float, float]] = []
    async with visiting(house) as visitor, connected(kubeconfig) as connection:
        resources = ClusterResources(connection)
        for number in range(rounds + 1):
            began = time.monotonic()
            made = await applied(resources, samples.version(NS, f"fact-{number}"))
            there = time.monotonic()
            await visitor.hears(Declared, made.metadata.uid)
            times.append((there - began, time.monotonic() - began))
    applies, firsts = (sorted(side) for side in zip(*times[1:], strict=True))  # at the first the watcher came up
    apply, first = statistics.median(applies), statistics.median(firsts)
    return {
        "n": rounds,
        "first_fact_seconds": {"p50": round(first, 4), "p90": round(firsts[int(0.9 * (rounds - 1))], 4)},
        "apply_seconds": {"p50": round(apply, 4)},
        "ratio_first_fact_to_apply": round(first / apply, 2),
    }


async def _writes(house: House, kubeconfig: str) -> dict[str, object]:
    """Count what services write to one version after another of 1 KB: each write is a change that a watch tells."""
    async with connected(kubeconfig) as connection:
        resources = ClusterResources(connection)
        counts = sorted([await _written(house, resources, f"write-{number}") for number in range(WRITTEN)])
    return {"n": WRITTEN, "median": statistics.median(counts), "min": counts[0], "max": counts[-1]}


async def _written(house: House, resources: ClusterResources, name: str) -> int:
    (house.models / name).mkdir()
    (house.models / name / "weights.bin").write_bytes(name.encode() * 128)
    storage = {"localStorage": {"path": f"/models/{name}", "nodeName": "here"}}
    manifest = samples.version(NS, name, {"imageRepo": f"models/{name}", "storage": storage})
    start = (await resources.list(samples.VERSION)).resource_version
    told: list[ModelVersion] = []
    async with asyncio.timeout(60), aclosing(resources.watch(samples.VERSION, start)) as changes:
        await applied(resources, manifest)
        async for change in changes:
            if isinstance(change, Changed) and isinstance(change.object, ModelVersion):
                told += [change.object] if change.object.metadata.name == name else []
            if told and told[-1].status.phase == "Ready" and told[-1].metadata.owner_references:
                break
    return len(told) - 1  # its birth is its user's


def main(objects: int, rounds: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, bed_of_ones_own(Path(folder)) as bed:
        kubeconfig = str(bed.kubeconfig)
        with House(Path(folder) / "house", environ={"SHALE_KUBECONFIG": kubeconfig}) as house:
            first = asyncio.run(_first_facts(house, kubeconfig, rounds))
            writes = asyncio.run(_writes(house, kubeconfig))
        figures = {
            "apply_to_first_fact": first,
            "api_writes_per_version": writes,
            "watch": asyncio.run(_watched(kubeconfig, objects)),
        }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [1000, 20][len(given) :]))
