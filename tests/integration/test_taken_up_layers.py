"""A layer that is hashed while it is sent, left half-way and taken up: by another worker, over whatever lies there."""

import asyncio
import os

import msgspec
import pytest

from shale.builder_sync.pack import pack_layer
from shale.builder_sync.places import Keeper, Mark, keyed
from shale.builder_sync.results import Refusal
from shale.contracts.about import About
from shale.contracts.artifact import File, Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.oci import digest
from shale.oci.registry import unheard
from shale.runtime.beat import Stopped
from shale.sources import roots
from shale.sources.schemes import open_source
from shale.sources.source import Scan, Unscannable
from shale.testkit.bucket import MemoryBucket
from shale.testkit.registries import PART

REPO, URI, NAME = "team/resnet", "file:///models/resnet", "model.safetensors"
ABOUT = About("modelversion", "team", "mv-1", "uid", 1)
OLD, NEW = bytes(range(256)) * 12_000, bytes(reversed(range(256))) * 12_000
FRAME = len(OLD) + 512 + 1024
"""Of one file whose size is a multiple of 512: a header before it, and the end."""


class World:
    """A source with one file, a real registry that takes small parts, and workers that know of one another."""

    def __init__(self, path, rough):
        self.file = path / "models" / "resnet" / NAME
        self.file.parent.mkdir(parents=True)
        self.file.write_bytes(OLD)
        source = open_source(URI, roots.parse(f"/models={path}/models"))
        assert not isinstance(source, Unscannable)
        self.source, self.rough = source, rough
        self.bucket = MemoryBucket(lambda: 0.0)
        self.keys: set[str] = set()

    def job(self, version=""):
        layer = Layer("0-x", NAME, len(OLD), files=(File(NAME, len(OLD), version=version),))
        return PackLayer(ABOUT, "0-x~1", URI, REPO, layer)

    def listed(self):
        found = self.source.scan()
        assert isinstance(found, Scan)
        return found.entries[0].version

    async def packed(self, job, progress=unheard):
        """Work as one worker does."""
        loop = asyncio.get_running_loop()

        def keeping(job, entries):
            self.keys.add(key := keyed(job, entries))
            return Keeper(Mark(self.bucket, key), loop)

        def work():
            return pack_layer(job, self.source, self.rough.registry, progress, keeping, hash_first=False)

        return await asyncio.to_thread(work)

    async def left(self, job, after=2 * PART + 100):
        """Work, and be told to end in the third part."""

        def stop(done):
            if done > after:
                raise Stopped

        with pytest.raises(Stopped):
            await self.packed(job, stop)
        assert self.rough.front.count("^DELETE") == 0
        self.rough.front.calm()

    async def place(self):
        [key] = self.keys
        entry = await self.bucket.get(key)
        return msgspec.json.decode(entry.value)["place"] if entry else ""

    def blobs(self):
        """Return what the registry published: digests, each of the bytes behind it."""
        front = self.rough.front
        named = {one.path.partition("digest=")[2] for one in front.seen if one.method == "PUT"}
        held = {name: self.rough.registry.pull(REPO, name) for name in named}
        return {name: b"".join(blocks) for name, blocks in held.items() if blocks is not None}

    def sent(self):
        return sum(len(one.body) for one in self.rough.front.seen if one.method == "PATCH")


@pytest.fixture
def world(tmp_path, rough):
    return World(tmp_path, rough)


async def test_another_worker_sends_the_rest_of_what_nobody_knows_the_digest_of(world):
    await world.left(world.job())
    packed = await world.packed(world.job())
    assert isinstance(packed, PackedLayer)
    assert world.sent() == FRAME - 3 * PART
    [(name, data)] = world.blobs().items()
    assert (name, len(data)) == (packed.digest, packed.size) == (digest.of(data), FRAME)
    assert data[512 : 512 + len(OLD)] == OLD
    assert await world.place() == ""


async def test_a_source_that_was_replaced_in_between_gives_no_blob_of_both(world):
    """With nothing that says so: a source without versions. The registry holds the beginning of other bytes."""
    await world.left(world.job())
    world.file.write_bytes(NEW)
    with pytest.raises(Transient, match="holds other bytes than were sent"):
        await world.packed(world.job())
    assert world.blobs() == {}
    assert await world.place() == ""
    packed = await world.packed(world.job())
    assert isinstance(packed, PackedLayer)
    assert {name: data[512 : 512 + len(NEW)] for name, data in world.blobs().items()} == {packed.digest: NEW}


async def test_a_source_that_was_replaced_and_says_so_is_refused(world):
    job = world.job(world.listed())
    await world.left(job)
    world.file.write_bytes(NEW)
    os.utime(world.file, ns=(1, 1))
    refused = await world.packed(job)
    assert isinstance(refused, Refusal)
    assert refused.reason == "SourceChanged"
    assert (await world.place(), world.blobs()) == ("", {})
    assert world.rough.front.count("^DELETE .*/uploads/") == 1


async def test_what_was_listed_anew_is_not_taken_up_from_what_was_before(world):
    await world.left(world.job(world.listed()))
    world.file.write_bytes(NEW)
    os.utime(world.file, ns=(1, 1))
    packed = await world.packed(world.job(world.listed()))
    assert isinstance(packed, PackedLayer)
    assert world.sent() == FRAME
    assert len(world.keys) == 2


@pytest.mark.parametrize("data", [NEW[:-1], NEW + b"more", b"", None], ids=["cut", "grown", "emptied", "gone"])
async def test_a_source_that_changes_while_it_is_sent_leaves_nothing(world, data):
    job = world.job(world.listed())
    told = []

    def change(done):
        told.append(done)
        if len(told) == 3:
            world.file.unlink() if data is None else world.file.write_bytes(data)

    refused = await world.packed(job, change)
    assert isinstance(refused, Refusal)
    assert refused.reason == "SourceChanged"
    assert (world.blobs(), await world.place()) == ({}, "")
    assert world.rough.front.count("^DELETE .*/uploads/") == 1
