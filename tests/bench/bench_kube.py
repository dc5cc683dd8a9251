"""CPU per watched object beside the official client's Watch, and apply to first fact, on a testbed: printed as JSON.

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
from shale.contracts.resources import GROUP, VERSION, ModelVersionStatus
from shale.contracts.resources.meta import Condition
from shale.kube.cluster import ClusterResources
from shale.kube.connection import connected
from shale.testkit import samples
from shale.testkit.asking import applied
from shale.testkit.house import House
from shale.testkit.kube import bed_of_ones_own
from shale.testkit.visitor import visiting

NS = "default"
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


async def _watched(kubeconfig: str, objects: int, rounds: int) -> dict[str, float]:
    async with connected(kubeconfig) as connection:
        resources = ClusterResources(connection)
        await _fill(resources, objects)
        pairs = [
            (await _cost(_ours(resources), objects), await _cost(_theirs(kubeconfig), objects)) for _ in range(rounds)
        ]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "objects": objects,
        "cpu_us_per_object": round(ours, 1),
        "cpu_us_per_object_official_watch": round(theirs, 1),
        "ratio": round(theirs / ours, 2),
    }


async def _first_facts(house: House, kubeconfig: str, rounds: int) -> dict[str, float]:
    times: list[float] = []
    async with visiting(house) as visitor, connected(kubeconfig) as connection:
        resources = ClusterResources(connection)
        for number in range(rounds + 1):
            began = time.monotonic()
            made = await applied(resources, samples.version(NS, f"fact-{number}"))
            await visitor.hears(Declared, made.metadata.uid)
            times.append(time.monotonic() - began)
    times = sorted(times[1:])  # the first one found a watcher that was just coming up
    return {"p50": round(statistics.median(times), 4), "p90": round(times[int(0.9 * (rounds - 1))], 4)}


def main(objects: int, rounds: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, bed_of_ones_own(Path(folder)) as bed:
        kubeconfig = str(bed.kubeconfig)
        with House(Path(folder) / "house", environ={"SHALE_KUBECONFIG": kubeconfig}) as house:
            first = asyncio.run(_first_facts(house, kubeconfig, rounds))
        figures = {"apply_to_first_fact_seconds": first, "watch": asyncio.run(_watched(kubeconfig, objects, 5))}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [1000, 20][len(given) :]))
