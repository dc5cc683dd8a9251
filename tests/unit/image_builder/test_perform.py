"""The claim on a tag and the image that it names, against a registry in a folder and a bucket in memory."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.facts import ImageBuilt
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.image_builder.claims import Claims
from shale.image_builder.perform import claim, publish
from shale.image_builder.seen import Claimed, ClaimTag, PublishImage, Seen, Taken, candidates
from shale.oci import manifest
from shale.oci.layout import Layout
from shale.oci.registry import Pushed, push
from shale.testkit.bucket import MemoryBucket

REPO = "registry.example/models/resnet"
OURS = About("modelversion", "team-a", "mv-1", "0a1b2c3d-4e5f-6789-abcd-ef0123456789", 1)
OTHER = About("modelversion", "team-b", "mv-9", "0a1b2ccc-0000-0000-0000-000000000000", 1)
SPEC = ModelVersionSpec("resnet", REPO, Storage(local_storage=LocalStorage("/models/resnet", "node-1")))
NAMED = msgspec.structs.replace(SPEC, image_tag="v1")
MADE_UP = candidates(SPEC, OURS.uid)


class PowerCut(BaseException):
    """The process is gone."""


class Fragile(Layout):
    """A registry in front of which the power is cut before a tag is put, or a process sleeps there."""

    cut, collects = "", False
    asleep: Callable[[], object] | None = None
    asleep_at = "v1-modelpack"

    def orphans(self, repo):
        return self.collects and bool(repo)

    def put_manifest(self, repo, data, media_type, tag=None):
        if tag is not None and tag == self.cut:
            raise PowerCut
        if tag == self.asleep_at and self.asleep is not None:
            meanwhile, self.asleep = self.asleep, None
            meanwhile()
        return super().put_manifest(repo, data, media_type, tag)


class World:
    """A registry, the claims, and the wish of one version."""

    def __init__(self, path):
        self.registry = Fragile(path)
        self.claims = Claims(MemoryBucket())
        self.seen = Seen(OURS, NAMED, 0.0, held=True)

    def layer(self, data, name="small"):
        pushed = push(self.registry, REPO, data)
        assert isinstance(pushed, Pushed)
        return Layer(f"0-{name}", name, len(data)), PackedLayer(name, "small", pushed.digest, pushed.size)

    def image(self, data, tag="v1"):
        """Return the effect that publishes an image with these bytes."""
        return PublishImage(tag, (self.layer(data),))

    async def publish(self, effect, **seen):
        return await publish(self.claims, self.registry, msgspec.structs.replace(self.seen, **seen), effect)

    async def claim(self, tags, spec=SPEC, about=OURS):
        seen = msgspec.structs.replace(self.seen, spec=spec, about=about)
        return (await claim(self.claims, self.registry, seen, ClaimTag(tags))).tag

    def foreign(self, tag, text="{}"):
        """Let somebody who knows nothing of claims push an image under this tag; return its digest."""
        pushed = push(self.registry, REPO, text.encode())
        assert isinstance(pushed, Pushed)
        layer = PackedLayer("small", "small", pushed.digest, pushed.size)
        image = manifest.build([layer], tag)
        for document in (*image.blobs,):
            push(self.registry, REPO, document.data)
        for document in image.manifests:
            self.registry.put_manifest(REPO, document.data, document.descriptor.media_type)
        index = next(one for one in image.manifests if one.descriptor.digest == image.index.digest)
        self.registry.put_manifest(REPO, index.data, index.descriptor.media_type, tag)
        return image.index.digest

    def names(self, tag):
        there = self.registry.resolve(REPO, tag)
        return there.digest if there else None


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


# --- claims ----------------------------------------------------------------------------------------------------------


async def test_a_free_tag_is_claimed(world):
    assert await world.claim(("v1",), NAMED) == Claimed("v1")


async def test_our_own_tag_is_claimed_again(world):
    await world.claim(("v1",), NAMED)
    assert await world.claim(("v1",), NAMED) == Claimed("v1")


async def test_a_named_tag_of_another_version_is_taken_and_says_whose(world):
    await world.claim(("v1",), NAMED, OTHER)
    assert await world.claim(("v1",), NAMED) == Taken("v1", "is claimed by modelversion team-b/mv-9")


@pytest.mark.parametrize(("taken", "tag"), [(0, "v0a1b2"), (1, "v0a1b2c3d"), (2, "v0a1b2c3d4e5f")])
async def test_a_made_up_tag_grows_past_those_of_others(world, taken, tag):
    for one in MADE_UP[:taken]:
        await world.claims.take(REPO, one, OTHER)
    assert await world.claim(MADE_UP) == Claimed(tag)


async def test_when_all_made_up_tags_are_taken_the_last_one_is_named(world):
    for one in MADE_UP:
        await world.claims.take(REPO, one, OTHER)
    assert await world.claim(MADE_UP) == Taken(MADE_UP[-1], "is claimed by modelversion team-b/mv-9")


@pytest.mark.parametrize("suffix", ["", "-modelpack"], ids=["the tag", "the ModelPack tag beside it"])
async def test_a_made_up_tag_is_not_taken_from_content_that_is_there(world, suffix):
    world.foreign(MADE_UP[0] + suffix)
    assert await world.claim(MADE_UP) == Claimed(MADE_UP[1])
    assert (await world.claims.find(REPO, MADE_UP[0]))[0] is None


async def test_a_made_up_tag_that_names_what_we_wrote_stays_ours(world):
    await world.publish(world.image(b"weights", MADE_UP[0]), spec=SPEC)
    assert await world.claim(MADE_UP) == Claimed(MADE_UP[0])


# --- publishing ------------------------------------------------------------------------------------------------------


async def test_the_image_stands_under_its_tag_and_digest(world):
    effect = world.image(b"weights")
    seen = await world.publish(effect)
    image = manifest.build([effect.layers[0][1]], "v1")
    layers = (effect.layers[0][1],)
    assert seen.image == ImageBuilt(OURS, f"{REPO}:v1", image.index.digest, f"{REPO}:v1-modelpack", layers)
    assert world.registry.tags(REPO) == ("v1", "v1-modelpack")
    assert world.names("v1") == image.index.digest
    assert world.names("v1-modelpack") == image.model_pack.digest
    assert all(world.registry.has(REPO, document.descriptor.digest) for document in (*image.blobs, *image.manifests))


async def test_all_that_is_pushed_is_noted_in_the_claim(world):
    """An index names two manifests: while it is not there, nobody could tell that they are ours."""
    effect = world.image(b"weights")
    await world.publish(effect)
    owner, _ = await world.claims.find(REPO, "v1")
    image = manifest.build([effect.layers[0][1]], "v1")
    assert set(owner.wrote) == {document.descriptor.digest for document in image.manifests}


async def test_publishing_again_changes_nothing(world):
    effect = world.image(b"weights")
    assert await world.publish(effect) == await world.publish(effect)


async def test_blobs_that_the_registry_lost_are_named_and_no_tag_moves(world):
    effect = world.image(b"weights")
    world.registry.delete(REPO, effect.layers[0][1].digest)
    seen = await world.publish(effect)
    assert (seen.missing, seen.image) == (("0-small",), None)
    assert world.registry.tags(REPO) == ()


async def test_a_blob_of_another_size_counts_as_lost(world):
    layer, blob = world.layer(b"weights")
    effect = PublishImage("v1", ((layer, msgspec.structs.replace(blob, size=blob.size + 1)),))
    assert (await world.publish(effect)).missing == ("0-small",)


@pytest.mark.parametrize("suffix", ["", "-modelpack"], ids=["the tag", "the ModelPack tag beside it"])
async def test_content_of_others_is_never_overwritten(world, suffix):
    theirs = world.foreign(f"v1{suffix}")
    seen = await world.publish(world.image(b"weights"))
    assert seen.tag == Taken(f"v1{suffix}", "names other content already")
    assert seen.image is None
    assert world.registry.tags(REPO) == (f"v1{suffix}",)
    assert world.names(f"v1{suffix}") == theirs


async def test_a_tag_that_names_this_very_image_is_taken_over(world):
    effect = world.image(b"weights")
    await world.publish(effect)
    world.claims = Claims(MemoryBucket())
    assert (await world.publish(effect)).image is not None


async def test_the_tag_of_another_version_is_not_published_to(world):
    await world.claims.take(REPO, "v1", OTHER)
    seen = await world.publish(world.image(b"weights"))
    assert seen.tag == Taken("v1", "is claimed by modelversion team-b/mv-9")
    assert world.registry.tags(REPO) == ()


async def test_our_unannounced_tag_moves_and_so_does_the_one_beside(world):
    await world.publish(world.image(b"before"))
    seen = await world.publish(world.image(b"after"))
    assert seen.image is not None
    assert world.names("v1") == seen.image.digest


async def test_our_announced_tag_does_not_move(world):
    first = (await world.publish(world.image(b"before"))).image
    beside = world.names("v1-modelpack")
    seen = await world.publish(world.image(b"after"), announced=frozenset({first.digest}))
    assert (seen.tag, seen.image) == (Taken("v1", "names other content already"), None)
    assert (world.names("v1"), world.names("v1-modelpack")) == (first.digest, beside)


async def test_an_announced_image_may_be_published_again(world):
    effect = world.image(b"weights")
    first = (await world.publish(effect)).image
    again = await world.publish(effect, announced=frozenset({first.digest}))
    assert again.image == first


@pytest.mark.parametrize("cut", ["v1-modelpack", "v1"])
async def test_after_a_cut_before_a_tag_the_same_work_ends_well(world, cut):
    effect = world.image(b"weights")
    world.registry.cut = cut
    with pytest.raises(PowerCut):
        await world.publish(effect)
    assert world.names("v1") is None
    world.registry.cut = ""
    seen = await world.publish(effect)
    assert world.names("v1") == seen.image.digest


@pytest.mark.parametrize("cut", ["v1-modelpack", "v1"])
async def test_after_a_cut_while_our_own_tag_moves_it_still_moves(world, cut):
    await world.publish(world.image(b"before"))
    world.registry.cut = cut
    with pytest.raises(PowerCut):
        await world.publish(world.image(b"after"))
    world.registry.cut = ""
    seen = await world.publish(world.image(b"after"))
    assert seen.image is not None
    assert world.names("v1") == seen.image.digest


async def test_after_a_cut_it_may_move_to_yet_another_content(world):
    await world.publish(world.image(b"before"))
    world.registry.cut = "v1"
    with pytest.raises(PowerCut):
        await world.publish(world.image(b"between"))
    world.registry.cut = ""
    seen = await world.publish(world.image(b"after"))
    assert world.names("v1") == seen.image.digest


async def test_two_processes_with_the_same_work_both_end_well(world):
    effect = world.image(b"weights")
    first, second = await asyncio.gather(world.publish(effect), world.publish(effect))
    assert first.image == second.image is not None


async def test_each_platform_has_a_tag_where_it_would_be_collected_without(world):
    world.registry.collects = True
    effect = world.image(b"weights")
    await world.publish(effect)
    index = manifest.parse(world.registry.manifest(REPO, world.names("v1")))
    assert isinstance(index, manifest.Index)
    named = {f"v1-linux-{entry.platform.architecture}": entry.digest for entry in index.manifests if entry.platform}
    assert named.keys() == {"v1-linux-amd64", "v1-linux-arm64"}
    assert {tag: world.names(tag) for tag in named} == named


@pytest.mark.parametrize("suffix", ["-linux-amd64", "-linux-arm64"])
async def test_the_tag_of_a_platform_that_names_other_content_is_not_overwritten(world, suffix):
    world.registry.collects = True
    theirs = world.foreign(f"v1{suffix}")
    seen = await world.publish(world.image(b"weights"))
    assert seen.tag == Taken(f"v1{suffix}", "names other content already")
    assert world.names(f"v1{suffix}") == theirs


# --- who sleeps between the claim and the tag ------------------------------------------------------------------------


def in_a_loop_of_its_own(work):
    """Do what others do meanwhile, from within a thread of the sleeper."""
    asyncio.run(work)


async def test_an_older_generation_that_slept_moves_nothing_back(world):
    after = world.image(b"after")
    newer = world.publish(after, about=OURS.at(2))
    world.registry.asleep = lambda: in_a_loop_of_its_own(newer)
    with pytest.raises(Transient, match="generation 2 of team-a/mv-1 moved"):
        await world.publish(world.image(b"before"))
    wanted = {tag: named.digest for tag, named in manifest.build([after.layers[0][1]], "v1").tags}
    assert {tag: world.names(tag) for tag in wanted} == wanted


async def test_who_slept_while_its_object_went_leaves_no_tag(world):
    world.registry.asleep = lambda: in_a_loop_of_its_own(world.claims.give_up(REPO, "v1", OURS.uid))
    seen = await world.publish(world.image(b"weights"))
    assert seen.tag == Taken("v1", "was claimed by another meanwhile")
    assert world.registry.tags(REPO) == ()


async def test_who_slept_while_another_took_the_tag_gives_it_back(world):
    theirs = world.image(b"theirs")

    async def meanwhile():
        await world.claims.give_up(REPO, "v1", OURS.uid)
        await world.publish(theirs, about=OTHER)

    world.registry.asleep = lambda: in_a_loop_of_its_own(meanwhile())
    seen = await world.publish(world.image(b"ours"))
    assert seen.tag == Taken("v1", "was claimed by another meanwhile")
    wanted = {tag: named.digest for tag, named in manifest.build([theirs.layers[0][1]], "v1").tags}
    assert {tag: world.names(tag) for tag in wanted} == wanted


@pytest.mark.parametrize(
    ("doomed", "match"),
    [
        pytest.param(lambda image: image.manifests[0].descriptor.digest, "lost sha256", id="a platform's image"),
        pytest.param(lambda image: image.model_pack.digest, "somebody else changes it", id="the ModelPack manifest"),
    ],
)
async def test_what_others_delete_while_it_is_tagged_is_seen(world, doomed, match):
    effect = world.image(b"weights")
    image = manifest.build([effect.layers[0][1]], "v1")
    world.registry.asleep, world.registry.asleep_at = lambda: world.registry.delete(REPO, doomed(image)), "v1"
    with pytest.raises(Transient, match=match):
        await world.publish(effect)
    assert (await world.publish(effect)).image is not None
