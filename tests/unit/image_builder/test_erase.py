"""What goes with a version whose deletionPolicy is Delete, and what stays because somebody else names it."""

import asyncio
from typing import Any

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Gone, Held, Released
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.image_builder.claims import Claims
from shale.image_builder.perform import publish
from shale.image_builder.release import PATIENCE
from shale.image_builder.seen import PublishImage, Seen
from shale.image_builder.service import ImageBuilder
from shale.oci import digest, manifest
from shale.oci.descriptor import TENSORS
from shale.oci.layout import Layout
from shale.oci.refusal import NoAccess, Refused
from shale.oci.registry import Pushed, Unsupported, push
from shale.runtime.told import Said, Told
from shale.testkit.bucket import MemoryBucket
from shale.testkit.opened import Opened

REPO, ENDED, NOW = "registry.example/models/resnet", "2027-01-15T08:00:00Z", 1_800_000_000.0
PLACE = Storage(local_storage=LocalStorage("/models/resnet", "node-1"))


class Frail(Layout):
    """A registry that collects what only an index names, and fails when it is told to."""

    fails_at, calls = -1, 0
    failure: BaseException | None = None
    keeps = ""

    def orphans(self, repo):
        return bool(repo)

    def untag(self, repo, tag) -> Any:
        self._step()
        return Unsupported(self.keeps) if self.keeps else super().untag(repo, tag)

    def delete(self, repo, digest) -> Any:
        self._step()
        return Unsupported(self.keeps) if self.keeps else super().delete(repo, digest)

    def _step(self):
        self.calls += 1
        if self.failure is not None and self.calls > self.fails_at:
            raise self.failure


class World:
    """A registry, the claims, and versions in it."""

    def __init__(self, path):
        self.registry, self.claims = Frail(path), Claims(MemoryBucket())
        self.opened = Opened(self.registry)
        self.service = ImageBuilder(self.claims, self.opened)

    async def version(self, name, data=b"weights", policy: Any = "Delete", table=b""):
        """Publish a version under a tag of its own name; return what was told of it until its end."""
        pushed = push(self.registry, REPO, data)
        assert isinstance(pushed, Pushed)
        packed = PackedLayer("small", "small", pushed.digest, pushed.size)
        if table:
            push(self.registry, REPO, table)
            packed = msgspec.structs.replace(packed, table=digest.of(table), table_size=len(table))
        layer = Layer("0-small", "small", len(data)), packed
        about = About("modelversion", "team-a", name, f"uid-{name}", 1)
        spec = ModelVersionSpec("resnet", REPO, PLACE, image_tag=name, deletion_policy=policy)
        seen = await publish(self.claims, self.registry, Seen(about, spec, NOW), PublishImage(name, (layer,)))
        assert seen.image is not None
        facts = (Declared(about, spec, ENDED), Held(about.whole(), "image-builder"), seen.image)
        return Told(about, (*map(Said, facts), Said(Gone(about.whole()), time=ENDED)), now=NOW)

    async def release(self, told):
        return await self.service.release(told.about, told)

    def manifests(self, told):
        """Return what stands of a version's manifests."""
        image = manifest.build(told.built.layers, "")
        digests = [document.descriptor.digest for document in image.manifests]
        return [digest for digest in digests if self.registry.resolve(REPO, digest)]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def kept(told):
    return f"{told.built.image}@{told.built.digest}"


async def test_what_is_retained_stays_and_is_named(world):
    told = await world.version("v1", policy="Retain")
    assert (await world.release(told)).left == (kept(told),)
    assert len(world.manifests(told)) == 4
    assert world.opened.asked == []


async def test_what_is_deleted_goes_with_all_its_tags_and_its_claim(world):
    told = await world.version("v1")
    assert world.registry.tags(REPO) == ("v1", "v1-linux-amd64", "v1-linux-arm64", "v1-modelpack")
    assert await world.release(told) == Released(told.about.whole(), "image-builder")
    assert (world.registry.tags(REPO), world.manifests(told)) == ((), [])
    assert await world.claims.find(REPO, "v1") == (None, 0)


async def test_its_tensor_tables_refer_to_it_and_go_with_it(world):
    told = await world.version("v1", table=b"[]")
    (found,) = [one for one in world.registry.referrers(REPO, told.built.digest) if one.artifact_type == TENSORS]
    assert world.registry.has(REPO, digest.of(b"[]")) == 2
    assert (await world.release(told)).left == ()
    assert world.registry.resolve(REPO, found.digest) is None
    assert (world.manifests(told), world.registry.has(REPO, digest.of(b"[]"))) == ([], None)


async def test_a_table_that_the_registry_lost_is_packed_again(world):
    told = await world.version("v1", table=b"[]")
    (layer,) = told.built.layers
    world.registry.delete(REPO, layer.table)
    effect = PublishImage("v1", ((Layer("0-small", "small", 1), layer),))
    seen = await publish(world.claims, world.registry, Seen(told.about, told.declared.spec, NOW), effect)
    assert (seen.image, seen.missing) == (None, ("0-small",))


async def test_what_another_version_names_stays_until_that_one_goes(world):
    first, second = await world.version("v1"), await world.version("v2")
    assert (await world.release(first)).left == ()
    assert len(world.manifests(second)) == 4
    assert world.registry.tags(REPO) == ("v2", "v2-linux-amd64", "v2-linux-arm64", "v2-modelpack")
    await world.release(second)
    assert (world.registry.tags(REPO), world.manifests(second)) == ((), [])


async def test_what_another_version_holds_without_a_tag_stays(world):
    """Serving pins it by its digest, whatever somebody did to the tag."""
    first, second = await world.version("v1"), await world.version("v2")
    for tag in world.registry.tags(REPO):
        if tag.startswith("v2"):
            world.registry.untag(REPO, tag)
    await world.release(first)
    assert len(world.manifests(second)) == 4


class Meeting(Claims):
    """Claims whose readers wait for one another: nobody looks before both have let go."""

    def __init__(self, bucket, meeting):
        super().__init__(bucket)
        self._meeting = meeting

    async def others(self, repo, uid):
        async with asyncio.timeout(60):
            await self._meeting.wait()
        return await super().others(repo, uid)


async def test_two_that_are_the_same_and_go_at_once_both_go(world):
    first, second = await world.version("v1"), await world.version("v2")
    world.service.claims = Meeting(world.claims.bucket, asyncio.Barrier(2))
    await asyncio.gather(world.release(first), world.release(second))
    assert (world.registry.tags(REPO), world.manifests(first)) == ((), [])


@pytest.mark.parametrize("name", ["index", "platform", "pack"])
async def test_what_a_stranger_tagged_stays(world, name):
    told = await world.version("v1")
    image = manifest.build(told.built.layers, "")
    index, pack = image.index, image.model_pack
    wanted = {"index": index, "platform": image.manifests[0].descriptor, "pack": pack}[name]
    data = world.registry.manifest(REPO, wanted.digest)
    world.registry.put_manifest(REPO, data, wanted.media_type, "theirs")
    await world.release(told)
    assert world.registry.tags(REPO) == ("theirs",)
    stands = {"index": 3, "platform": 1, "pack": 1}[name]
    assert len(world.manifests(told)) == stands


async def test_a_tag_that_was_moved_to_something_else_stays(world):
    told, other = await world.version("v1"), await world.version("v2", b"other", "Retain")
    data = world.registry.manifest(REPO, other.built.digest)
    world.registry.put_manifest(REPO, data, manifest.IMAGE_INDEX, "v1")
    await world.release(told)
    assert "v1" in world.registry.tags(REPO)
    assert len(world.manifests(other)) == 4
    assert world.manifests(told) == []


class PowerCut(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("step", range(8))
async def test_a_cut_at_any_step_leaves_nothing_in_the_end(world, step):
    told = await world.version("v1")
    world.registry.fails_at, world.registry.failure = step, PowerCut()
    with pytest.raises(PowerCut):
        await world.release(told)
    world.registry.failure = None
    assert (await world.release(told)).left == ()
    assert (world.registry.tags(REPO), world.manifests(told)) == ((), [])


async def test_a_registry_that_deletes_nothing_is_named_with_the_reason(world):
    told = await world.version("v1")
    world.registry.keeps = "it deletes nothing through its API"
    released = await world.release(told)
    assert f"{REPO}:v1@{told.built.digest}: it deletes nothing through its API" in released.left
    assert await world.claims.find(REPO, "v1") == (None, 0)


@pytest.mark.parametrize("half_way", [False, True], ids=["at the door", "half-way"])
async def test_who_is_kept_out_names_what_is_left(world, half_way):
    told = await world.version("v1")
    why = NoAccess("SecretNotFound", "Secret team-a/push is not there")
    if half_way:
        world.registry.fails_at, world.registry.failure = 2, Refused(why)
    else:
        world.opened.keeps_out = why
    assert (await world.release(told)).left == (f"{kept(told)}: Secret team-a/push is not there",)
    assert await world.claims.find(REPO, "v1") == (None, 0)


async def test_a_registry_that_does_not_answer_is_tried_again_but_not_for_ever(world):
    told = await world.version("v1")
    world.registry.fails_at, world.registry.failure = 0, Transient("registry.example does not answer")
    with pytest.raises(Transient):
        await world.release(told)
    late = msgspec.structs.replace(told, now=NOW + PATIENCE)
    assert (await world.release(late)).left == (f"{kept(told)}: registry.example does not answer",)


def untold(told):
    """Return what was told of a version that was cut off between its tags and the word of its image."""
    return msgspec.structs.replace(told, said=tuple(said for said in told.said if said.fact != told.built))


async def test_a_version_that_was_never_built_leaves_nothing(world):
    told = await world.version("v1")
    unbuilt = untold(told)
    assert (await world.release(unbuilt)).left == ()
    assert (world.registry.tags(REPO), world.manifests(told)) == ((), [])


@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize("failure", [PowerCut(), Transient("503")], ids=["cut", "busy"])
async def test_what_was_never_told_is_known_to_the_next_try_too(world, step, failure):
    """The tags and the claim go first: what they named must not be forgotten with them."""
    told = await world.version("v1")
    world.registry.fails_at, world.registry.failure = step, failure
    with pytest.raises(type(failure)):
        await world.release(untold(told))
    world.registry.failure = None
    assert (await world.release(untold(told))).left == ()
    assert (world.registry.tags(REPO), world.manifests(told)) == ((), [])


@pytest.mark.parametrize("step", [0, 4], ids=["at the tags", "at the manifests"])
async def test_what_was_never_told_is_named_when_it_is_given_up(world, step):
    told = await world.version("v1")
    names = [f"{REPO}@{digest}: 503" for digest in sorted(world.manifests(told))]
    world.registry.fails_at, world.registry.failure = step, Transient("503")
    with pytest.raises(Transient):
        await world.release(untold(told))
    late = msgspec.structs.replace(untold(told), now=NOW + PATIENCE)
    assert list((await world.release(late)).left) == names
    assert await world.claims.find(REPO, "v1") == (None, 0)
