"""Layers that are known by content, at a real registry and with a real bucket: what is read, and what is sent."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator

import msgspec
import pytest

from shale.builder_sync.find import SAMPLE
from shale.builder_sync.index import Index
from shale.builder_sync.known import Blob, is_to_be_proven
from shale.builder_sync.results import Listed
from shale.builder_sync.service import BuilderSync
from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.streams import INDEX
from shale.oci import plan
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.limits import limits_of
from shale.oci.registry import Pushed, push
from shale.runtime.beat import Beat
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.provision import provision
from shale.runtime.decision import Do
from shale.runtime.told import Told
from shale.sources import roots
from shale.sources.filesystem import FileSystem
from shale.testkit import front
from shale.testkit.fixtures import provisioned
from shale.testkit.nats import NatsServer
from shale.testkit.opened import Opened
from shale.testkit.registries import Rough
from shale.testkit.tensors import checkpoint, random_tensors

pytestmark = pytest.mark.real_nats

KEY = b"k" * 32
SIZE = 1 << 30
URI = "file:///models/huge"


class Pool:
    """Workers over one folder, one registry and one index, and what they read and sent."""

    def __init__(self, folder, rough: Rough, index: Index, reads: list[int]):
        self.folder, self.rough, self.index, self.reads = folder, rough, index, reads
        self.registry = rough.registry
        self.later = 60.0
        """Seconds by which the pool's clock is ahead, so that what was just written is settled."""

    def worker(self) -> BuilderSync:
        return BuilderSync(roots.parse(f"/models={self.folder.parent}"), Opened(self.registry), index=self.index)

    async def job(self, uid="uid-1", repo="models/a") -> PackLayer:
        """Return the job of the weights, as image-builder asks for it; of a version whose layers are not proven."""
        about = About("modelversion", "team-a", "mv", uid, 1)
        seen = await self.worker().perform(ScanArtifact(about, "all~1", URI), await self._seen(about), Beat())
        assert isinstance(seen.result, Listed)
        layers = plan.plan_layers(seen.result.files, seen.result.small, limits_of(""))
        assert isinstance(layers, tuple)
        return PackLayer(about, f"{layers[1].part}~1", URI, repo, layers[1])

    async def _seen(self, about):
        return await self.worker().observe(ScanArtifact(about, "all~1", URI), Told(about))

    async def pack(self, job: PackLayer) -> tuple[PackedLayer, list[str]]:
        """Do a job as the loop does; return what it became, and by which effects."""
        worker, effects = self.worker(), []
        self.reads.clear()
        self.rough.front.calm()
        seen = await worker.observe(job, Told(job.about, now=time.time() + self.later))
        while isinstance(decision := worker.decide(job, seen), Do):
            effects.append(type(decision.effect).__name__)
            seen = await worker.perform(decision.effect, seen, Beat())
        assert isinstance(seen.result, PackedLayer), decision
        return seen.result, effects

    @property
    def sent(self) -> int:
        return sum(len(one.body) for one in self.rough.front.seen)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count every byte that is read of any source."""
    counted, as_it_is = list[int](), FileSystem._blocks  # noqa: SLF001

    def blocks(self, *arguments):
        for block in as_it_is(self, *arguments):
            counted.append(len(block))
            yield block

    monkeypatch.setattr(FileSystem, "_blocks", blocks)
    return counted


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "models" / "huge"
    made.mkdir(parents=True)
    (made / "config.json").write_text("{}")
    return made


def grow(folder, size):
    with (folder / "model.safetensors").open("wb") as file:
        file.write(b"weights")
        file.truncate(size)


@pytest.fixture
async def bus(own_nats: NatsServer) -> AsyncGenerator[Bus]:
    async with provisioned(own_nats) as one:
        yield one


@pytest.fixture
def pool(folder, rough: Rough, bus: Bus, reads) -> Pool:
    grow(folder, 16 << 20)
    return Pool(folder, rough, Index(Bucket(bus, INDEX.name), KEY), reads)


async def unproven(pool: Pool, packed: PackedLayer, *, proven=False, **changes) -> PackLayer:
    """Return the job of another version, which is (or is not) one of those whose layers are read again."""
    job = await pool.job(**changes)
    jobs = (msgspec.structs.replace(job, about=msgspec.structs.replace(job.about, uid=f"u{n}")) for n in range(1000))
    return next(one for one in jobs if is_to_be_proven(one, Blob(packed.digest, packed.size)) is proven)


SAMPLES = 2 * SAMPLE
"""Bytes that are read of a layer that is known."""


async def test_of_an_unchanged_gigabyte_next_to_nothing_is_read_and_nothing_sent(pool, folder, park, record_property):
    grow(folder, SIZE)
    pool.registry = Distribution(Options())  # in its usual parts, and with nothing in between
    repo = f"{park.server('plain').host}/models/huge"
    first, effects = await pool.pack(await pool.job(repo=repo))
    assert (effects, first.reused) == (["Pack"], False)
    assert sum(pool.reads) >= SIZE
    job = await unproven(pool, first, repo=repo)
    begun = time.perf_counter()
    second, effects = await pool.pack(job)
    record_property("seconds", took := time.perf_counter() - begun)
    print(f"known by content: {took:.3f} s")  # noqa: T201 (a figure for a person; nothing is expected of it)
    assert effects == ["Find"]
    assert second == msgspec.structs.replace(first, reused=True)
    assert sum(pool.reads) <= SAMPLES
    pool.registry.close()


async def test_into_another_repository_it_is_mounted(pool):
    first, _ = await pool.pack(await pool.job())
    second, effects = await pool.pack(await unproven(pool, first, repo="models/b"))
    assert (effects, second.digest, second.reused) == (["Find"], first.digest, True)
    assert (sum(pool.reads) <= SAMPLES, pool.sent) == (True, 0)
    assert pool.rough.registry.has("models/b", first.digest) == first.size


async def test_what_is_read_again_is_mounted_all_the_same(pool):
    first, _ = await pool.pack(await pool.job())
    second, effects = await pool.pack(await unproven(pool, first, proven=True, repo="models/b"))
    assert (effects, second.digest, second.reused) == (["Pack"], first.digest, True)
    assert 16 << 20 <= sum(pool.reads) < 32 << 20
    assert pool.sent == 0


async def test_where_it_cannot_be_mounted_from_it_is_sent(pool):
    first, _ = await pool.pack(await pool.job())
    assert pool.rough.registry.delete("models/a", first.digest)
    second, effects = await pool.pack(await unproven(pool, first, repo="models/c"))
    assert (effects, second.digest, second.reused) == (["Find", "Pack"], first.digest, False)


async def test_a_changed_file_is_another(pool, folder):
    first, _ = await pool.pack(await pool.job())
    with (folder / "model.safetensors").open("r+b") as file:
        file.write(b"changed")
    second, effects = await pool.pack(await pool.job("uid-2"))
    assert effects == ["Pack"]
    assert second.digest != first.digest


async def test_what_changed_just_now_is_not_learned_and_yet_not_sent_twice(pool):
    pool.later = 0
    first, _ = await pool.pack(await pool.job())
    assert first.reused is False
    assert 16 << 20 <= sum(pool.reads) < 32 << 20, "streamed: read once"
    second, effects = await pool.pack(await pool.job("uid-2"))
    assert (effects, second.reused) == (["Pack"], True)
    assert 16 << 20 <= sum(pool.reads) < 32 << 20, "hashed first, as there is a candidate"
    assert pool.sent == 0


async def test_one_layer_in_20_is_read_again_and_an_entry_that_is_wrong_goes(pool, caplog):
    first, _ = await pool.pack(await pool.job())
    job = await unproven(pool, first)
    wrong = Blob("sha256:" + "0" * 64, first.size)
    await _plant(pool, job, wrong, KEY)
    proving = await unproven(pool, PackedLayer("", "weight", wrong.digest, wrong.size), proven=True)
    second, effects = await pool.pack(proving)
    assert (effects, second.digest) == (["Pack"], first.digest)
    assert "its entry is dropped" in caplog.text
    _, effects = await pool.pack(job)
    assert effects == ["Pack"], "nothing is known of it any more"


async def test_a_wrong_entry_that_is_nowhere_costs_a_look(pool):
    first, _ = await pool.pack(await pool.job())
    wrong = Blob("sha256:" + "1" * 64, first.size)
    job = await unproven(pool, PackedLayer("", "weight", wrong.digest, wrong.size))
    await _plant(pool, job, wrong, KEY)
    second, effects = await pool.pack(job)
    assert (effects, second.digest) == (["Find", "Pack"], first.digest)


@pytest.mark.parametrize("size", [0, -1000], ids=["of its size", "of another size"])
async def test_a_wrong_entry_whose_blob_is_there_is_found_out_and_not_published(pool, size, caplog):
    first, _ = await pool.pack(await pool.job())
    other = push(pool.rough.registry, "models/a", b"x" * (first.size + size))
    assert isinstance(other, Pushed)
    job = await unproven(pool, PackedLayer("", "weight", other.digest, other.size))
    await _plant(pool, job, Blob(other.digest, other.size), KEY)
    second, effects = await pool.pack(job)
    assert (effects, second.digest) == (["Find", "Pack"], first.digest)
    assert "its entry is dropped" in caplog.text
    third, effects = await pool.pack(await pool.job("uid-3"))
    assert (effects, third.digest) == (["Pack"], first.digest)


async def test_a_registry_that_gives_out_no_parts_is_believed(pool):
    first, _ = await pool.pack(await pool.job())
    pool.rough.front.default = lambda exchange: (
        front.ignore_range(exchange) if "Range" in exchange.headers else front.pass_on(exchange)
    )
    second, effects = await pool.pack(await unproven(pool, first))
    assert (effects, second.digest, second.reused) == (["Find"], first.digest, True)


async def test_what_a_stranger_planted_is_not_believed_though_it_lies_there(pool):
    theirs = await pool.job()
    first, _ = await pool.pack(theirs)
    poison = pool.rough.registry
    planted = push(poison, "models/a", b"x" * first.size)
    assert isinstance(planted, Pushed)
    await _plant(pool, theirs, Blob(planted.digest, planted.size), b"another key of thirty-two bytes!")
    second, effects = await pool.pack(await unproven(pool, first))
    assert (effects, second.digest) == (["Pack"], first.digest)


async def _plant(pool: Pool, job: PackLayer, blob: Blob, key: bytes) -> None:
    """Write into the layer's entry, signed by a key."""
    seen = await pool.worker().observe(job, Told(job.about, now=time.time() + pool.later))
    name = pool.index.layer(seen.known)
    entry = await pool.index.bucket.get(name)
    assert entry is not None
    value = Index(pool.index.bucket, key).seal.closed(name, blob)
    assert await pool.index.bucket.update(name, value, entry.revision)


async def test_a_server_that_says_nothing_costs_no_more_than_patience(pool, own_nats):
    job = await pool.job()
    pool.index.patience = 0.1
    own_nats.pause()
    try:
        packed, effects = await pool.pack(job)
    finally:
        own_nats.resume()
    assert (effects, packed.reused) == (["Pack"], False)


async def test_an_index_that_was_wiped_is_learned_again(pool, bus):
    first, _ = await pool.pack(await pool.job())
    await bus.api(f"STREAM.PURGE.KV_{INDEX.name}", {})
    _, effects = await pool.pack(await unproven(pool, first))
    assert effects == ["Pack"]
    _, effects = await pool.pack(await unproven(pool, first))
    assert effects == ["Find"]


async def test_an_index_that_is_not_there_is_none(pool, bus):
    await bus.api(f"STREAM.DELETE.KV_{INDEX.name}", {})
    pool.index.patience = 0.5
    packed, effects = await pool.pack(await pool.job())
    assert (effects, packed.reused) == (["Pack"], False)


async def test_a_full_index_forgets_the_oldest_and_learns_on(pool, bus):
    await bus.api(f"STREAM.DELETE.KV_{INDEX.name}", {})
    await provision(bus, (), most=1 << 20)
    for number in range(300):
        await pool.index.bucket.create(f"layer.{number}", b"x" * 8192)
    assert await pool.index.bucket.get("layer.0") is None
    first, _ = await pool.pack(await pool.job())
    _, effects = await pool.pack(await unproven(pool, first))
    assert effects == ["Find"]


async def test_a_known_layer_keeps_its_table_and_one_that_lost_it_is_read_again(pool, folder):
    (folder / "model.safetensors").write_bytes(checkpoint(random_tensors("ab", 9 << 20)))
    first, _ = await pool.pack(await pool.job())
    assert pool.registry.has("models/a", first.table) == first.table_size > 0
    again, effects = await pool.pack(await unproven(pool, first))
    assert sum(pool.reads) <= SAMPLES
    assert (effects, again.table, again.table_size) == (["Find"], first.table, first.table_size)
    mounted, effects = await pool.pack(await unproven(pool, first, repo="models/b"))
    assert (effects, mounted.table, pool.registry.has("models/b", first.table)) == (
        ["Find"],
        first.table,
        first.table_size,
    )
    pool.registry.delete("models/a", first.table)
    pool.registry.delete("models/b", first.table)
    once_more, effects = await pool.pack(await unproven(pool, first))
    assert (effects, once_more.table) == (["Find", "Pack"], first.table)
    assert pool.registry.has("models/a", first.table) == first.table_size
