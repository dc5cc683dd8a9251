"""Sources that change, indexes that are wrong and disks that are full, on the whole road: see test_faults.py."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from random import Random
from threading import Event

import pytest

from shale.builder_sync.index import Index
from shale.builder_sync.known import Blob
from shale.builder_sync.service import BuilderSync
from shale.contracts.facts import LayerPacked
from shale.contracts.jobs import PackLayer
from shale.contracts.streams import INDEX
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.registry import Pushed, push
from shale.runtime.bus.buckets import Bucket
from shale.runtime.told import Told
from shale.sources import roots
from shale.testkit import front
from shale.testkit.front import Exchange
from shale.testkit.opened import Opened
from shale.testkit.sites import LAYOUTS, PATIENT, SIZE, lay
from shale.testkit.smallparts import PART
from shale.testkit.soon import soon
from shale.testkit.touched import grown, replaced, rewritten

pytestmark = pytest.mark.real_nats

MIB = 1 << 20


@pytest.fixture(scope="module")
def house(hasty_house):
    return hasty_house


# --- the source


class Gate:
    """Holds the second part of the weights until it is let go."""

    def __init__(self) -> None:
        self.go, self.holds, self._parts = Event(), Event(), 0

    def __call__(self, exchange: Exchange) -> None:
        self._parts += exchange.method == "PATCH"
        if self._parts == 2 and not self.holds.is_set():
            self.holds.set()
            self.go.wait(PATIENT)
        front.pass_on(exchange)


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(PART // 2)


CHANGES = [truncated, grown, replaced, rewritten]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("change", CHANGES, ids=[one.__name__ for one in CHANGES])
async def test_a_source_file_that_changes_while_it_is_read_is_named_and_nothing_is_published(site, layout, change):
    one = site(layout)
    gate = one.front.default = Gate()
    name = sorted(one.files)[-2 if layout == "tensors" else -1]
    await one.applied()
    await soon(gate.holds.is_set)
    change(one.folder / name)
    gate.go.set()
    failed = await one.visitor.reaches(one.name, "Failed", within=PATIENT)
    stalled = next(it for it in failed.status.conditions if it.type == "Stalled")
    assert (stalled.reason, name in stalled.message) == ("SourceChanged", True), stalled
    assert (one.weights(), one.abandoned()) == ([], set())
    one.files = lay(one.folder, layout)
    await one.applied(attempt=1)
    await one.is_ready(generation=2)


# --- the index


KEY, STRANGERS = b"k" * 64, b"another key of thirty-two bytes!"


async def plant(visitor, job: PackLayer, blob: Blob, key: bytes) -> None:
    """Write into a layer's entry as who holds a key."""
    index = Index(Bucket(visitor.bus, INDEX.name), KEY)
    worker = BuilderSync(roots.parse(f"/models={visitor.house.models}"), Opened(Distribution(Options())), index=index)
    seen = await worker.observe(job, Told(job.about, now=time.time()))
    name = index.layer(seen.known)
    entry = await index.bucket.get(name)
    assert entry is not None, "it was not learned"
    value = Index(index.bucket, key).seal.closed(name, blob)
    assert await index.bucket.update(name, value, entry.revision)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("key", "lies"),
    [
        pytest.param(STRANGERS, True, id="planted by another tenant, in a blob that is there"),
        pytest.param(KEY, False, id="a wrong digest, of a blob that is nowhere"),
    ],
)
async def test_what_the_index_says_wrongly_is_found_out_and_not_published(site, layout, key, lies):
    one = site(layout)
    await soon(lambda: time.time() - max(path.stat().st_ctime for path in one.folder.iterdir()) > 3)
    await one.applied()
    await one.is_ready()
    jobs = [job for job in one.visitor.all_heard(PackLayer, one.uid) if job.layer.size >= SIZE]
    packed = {fact.part: fact.layer for fact in one.visitor.all_heard(LayerPacked, one.uid)}
    (job,) = jobs
    first = packed[job.part]
    registry = Distribution(Options())
    other = Random("planted").randbytes(first.size)
    wrong = push(registry, job.repo, other) if lies else Pushed("sha256:" + "1" * 64, first.size)
    registry.close()
    assert isinstance(wrong, Pushed)
    await plant(one.visitor, job, Blob(wrong.digest, wrong.size), key)
    await one.visitor.apply(
        f"{one.name}-2",
        imageRepo=job.repo,
        imageTag="v2",
        layout=layout,
        storage={"localStorage": {"path": f"/models/{one.name}", "nodeName": "here"}},
    )
    ready = await one.visitor.reaches(f"{one.name}-2", within=PATIENT)
    assert first.digest in {layer.digest for layer in ready.status.layers}
    assert wrong.digest not in {layer.digest for layer in ready.status.layers}


# --- the disk


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_a_disk_that_is_full_under_a_layout_directory_is_told_with_its_cure(site, road, layout):
    """As good as full, for this process: the kernel refuses what it writes beyond some bytes of a file."""
    one = site(layout)
    worker = road.house.the("builder-sync")
    hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (8 * MIB, hard))
    wish = {"imageRepo": f"models/{one.name}", "imageTag": "v1", "layout": layout}
    try:
        await road.visitor.apply(one.name, **wish)
        stalled = await road.stalls(one.name, "FileTooLarge")
        assert "raise that limit" in stalled.message
        await soon(lambda: not list((road.house.registry / ".uploads").iterdir()))
        written = (road.house.registry / "models" / one.name).rglob("*")
        assert [path for path in written if path.is_file() and path.stat().st_size > MIB] == []
    finally:
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (hard, hard))
    await road.visitor.apply(one.name, attempt=1, **wish)
    ready = await road.visitor.reaches(one.name, within=PATIENT, generation=2)
    assert [layer.size > SIZE for layer in ready.status.layers] == [False, True]
