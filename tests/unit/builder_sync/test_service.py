import asyncio

import msgspec
import pytest

from shale.builder_sync.decide import Pack, Seen
from shale.builder_sync.results import AT_A_REGISTRY, Listed, Stall
from shale.builder_sync.service import BuilderSync
from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.facts import LayerPacked, Released
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.resources import Registry
from shale.oci import plan
from shale.oci.layout import Layout
from shale.oci.limits import limits_of
from shale.oci.refusal import NoAccess, Refused
from shale.registries.target import Target
from shale.runtime.beat import Beat, Stopped
from shale.runtime.decision import Do, Done
from shale.runtime.service import Woken
from shale.runtime.told import Told
from shale.sources import roots
from shale.testkit.opened import Opened

REPO, URI = "registry.example/models/resnet", "file:///models/resnet"
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SCAN = ScanArtifact(ABOUT, "all~1", URI)
PACK = PackLayer(ABOUT, "0-abc~1", URI, REPO, Layer("0-abc", "small", 0, root=True))


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one file."""
    made = tmp_path / "models" / "resnet"
    made.mkdir(parents=True)
    (made / "config.json").write_bytes(b"{}")
    return made


@pytest.fixture
def worker(tmp_path, folder):
    return BuilderSync(roots.parse(f"/models={folder.parent}"), Opened(Layout(tmp_path / "registry")))


async def test_from_a_job_to_its_milestone(worker):
    seen = await worker.observe(SCAN, Told(ABOUT))
    assert worker.decide(SCAN, seen) == Do(SCAN)
    seen = await worker.perform(SCAN, seen, Beat())
    assert isinstance(seen.result, Listed)
    layers = plan.plan_layers(seen.result.files, seen.result.small, limits_of(""))
    assert isinstance(layers, tuple)
    job = msgspec.structs.replace(PACK, layer=layers[0])
    beat = Beat()
    packed = await worker.perform(Pack(job, hash_first=True), Seen(), beat)
    assert isinstance(packed.result, PackedLayer)
    assert worker.decide(job, packed) == Done((LayerPacked(ABOUT, job.part, packed.result),))
    assert worker.registries.registry.has(REPO, packed.result.digest) == packed.result.size
    assert beat.bytes_done == layers[0].size


@pytest.mark.parametrize("job", [SCAN, PACK], ids=["listing", "packing"])
@pytest.mark.parametrize("uri", ["file:///elsewhere", "gopher://models"], ids=["outside of all roots", "unknown"])
async def test_a_source_that_cannot_be_opened_is_refused(worker, job, uri):
    job = msgspec.structs.replace(job, uri=uri)
    seen = await worker.perform(job if job.part == SCAN.part else Pack(job, hash_first=True), Seen(), Beat())
    assert isinstance(seen.result, Stall)
    assert uri.rpartition("/")[2] in seen.result.message


async def test_work_that_is_stopped_leaves_nothing(worker, tmp_path):
    beat = Beat()
    beat.stop("over")
    with pytest.raises(Stopped):
        await worker.perform(Pack(PACK, hash_first=True), Seen(), beat)
    assert [path for path in (tmp_path / "registry").rglob("*") if path.is_file()] == []


async def test_the_event_loop_goes_on_while_bytes_are_read(worker):
    turns = 0
    working = asyncio.create_task(worker.perform(SCAN, Seen(), Beat()))
    while not working.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 1


async def test_it_takes_only_jobs(worker):
    with pytest.raises(TypeError, match="builder-sync takes jobs, not Woken"):
        worker.decide(Woken(ABOUT), Seen())


async def test_it_holds_nothing(worker):
    assert await worker.release(ABOUT, Told(ABOUT)) == Released(ABOUT.whole(), "builder-sync")


class TestARegistry:
    async def test_is_opened_as_the_job_says(self, worker):
        access = Registry(insecure=True)
        job = msgspec.structs.replace(PACK, push_secret="push", registry=access)
        await worker.perform(Pack(job, hash_first=True), Seen(), Beat())
        assert worker.registries.asked == [Target(REPO, "team-a", "push", access)]

    async def test_that_lets_nobody_in_is_waited_for(self, worker):
        worker.registries.keeps_out = NoAccess("SecretNotFound", "create it")
        seen = await worker.perform(Pack(PACK, hash_first=True), Seen(), Beat())
        assert seen.result == Stall("SecretNotFound", "create it", AT_A_REGISTRY)

    async def test_that_refuses_half_way_is_waited_for(self, worker, tmp_path):
        class Full(Layout):
            def upload(self, repo, known=None, place=""):
                raise Refused(NoAccess("DiskFull", f"{repo}: free some space{'' if known else place}"))

        worker.registries.registry = Full(tmp_path)
        seen = await worker.perform(Pack(PACK, hash_first=True), Seen(), Beat())
        assert seen.result == Stall("DiskFull", f"{REPO}: free some space", AT_A_REGISTRY)

    async def test_that_does_not_answer_is_tried_again(self, worker, tmp_path):
        class Down(Layout):
            def has(self, repo, digest):
                raise Transient(f"no answer about {digest} in {repo}")

        worker.registries.registry = Down(tmp_path)
        with pytest.raises(Transient):
            await worker.perform(Pack(PACK, hash_first=True), Seen(), Beat())
