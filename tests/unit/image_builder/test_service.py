"""The card over its doors: what it looks at, and what it lets go."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Gone, Held, ImageBuilt, LayersPlanned, Released, StorageReady
from shale.contracts.resources import ModelSpec, ModelVersionSpec, Registry
from shale.contracts.resources.modelversion import LocalStorage, SecretRef, Storage
from shale.image_builder.claims import Claims
from shale.image_builder.decide import decide
from shale.image_builder.seen import CheckAccess, Claimed, ClaimTag, PublishImage, Reached, Seen
from shale.image_builder.service import ImageBuilder
from shale.oci.layout import Layout
from shale.oci.refusal import NoAccess, Refused
from shale.registries.target import Target
from shale.runtime.beat import Beat
from shale.runtime.decision import Do, Hold
from shale.runtime.service import Woken
from shale.runtime.told import Said, Told
from shale.testkit.bucket import MemoryBucket
from shale.testkit.opened import Opened

REPO = "registry.example/models/resnet"
ABOUT = About("modelversion", "team-a", "mv-1", "0a1b2c3d-4e5f-6789-abcd-ef0123456789", 1)
OTHER = About("modelversion", "team-b", "mv-9", "uid-9", 1)
SPEC = ModelVersionSpec("resnet", REPO, Storage(local_storage=LocalStorage("/models/resnet", "node-1")))
WISH = Declared(ABOUT, SPEC, "2026-01-01T00:00:00Z")
IMAGE = ImageBuilt(ABOUT, f"{REPO}:v0a1b2", "sha256:11", f"{REPO}:v0a1b2-modelpack", ())
READY = StorageReady(ABOUT, "file:///models/resnet")


def told(*facts):
    return Told(ABOUT, tuple(Said(fact) for fact in facts))


@pytest.fixture
def builder(tmp_path):
    return ImageBuilder(Claims(MemoryBucket()), Opened(Layout(tmp_path)))


async def seen(builder, *facts) -> Seen:
    return await builder.observe(Woken(ABOUT), told(*facts))


async def test_without_a_place_no_tag_is_looked_for(builder):
    await builder.claims.take(REPO, "v0a1b2", ABOUT)
    assert (await seen(builder, WISH)).tag is None


@pytest.mark.parametrize("tag", ["v0a1b2", "v0a1b2c3d", "v0a1b2c3d4e5f"])
async def test_the_claimed_tag_is_found_again_at_any_length(builder, tag):
    await builder.claims.take(REPO, "v0a1b2", OTHER)
    await builder.claims.take(REPO, tag, ABOUT)
    found = (await seen(builder, WISH, READY)).tag
    assert found == (None if tag == "v0a1b2" else Claimed(tag))


async def test_a_plan_has_its_tag_already(builder):
    await builder.claims.take(REPO, "v0a1b2", ABOUT)
    assert (await seen(builder, WISH, READY, LayersPlanned(ABOUT, (), "v0a1b2"))).tag is None


async def test_the_service_decides_by_its_specification(builder):
    looked = await seen(builder, WISH)
    assert builder.decide(Woken(ABOUT), looked) == decide(Woken(ABOUT), looked) == Do(Hold())


async def test_the_service_performs_claims_and_images(builder):
    looked = await seen(builder, WISH, READY)
    looked = await builder.perform(ClaimTag(("v0a1b2",)), looked, Beat())
    assert looked.tag == Claimed("v0a1b2")
    looked = await builder.perform(PublishImage("v0a1b2", ()), looked, Beat())
    assert looked.image.image == f"{REPO}:v0a1b2"
    assert builder.registries.registry.tags(REPO) == ("v0a1b2", "v0a1b2-modelpack")


async def test_what_is_gone_gives_up_every_tag_it_may_have_claimed(builder):
    for tag in ("v0a1b2", "v0a1b2c3d", "v0a1b2c3d4e5f"):
        await builder.claims.take(REPO, tag, ABOUT)
    released = await builder.release(ABOUT, told(WISH, Gone(ABOUT), Held(ABOUT.whole(), "image-builder")))
    assert released == Released(ABOUT.whole(), "image-builder")
    assert [await builder.claims.find(REPO, tag) for tag in ("v0a1b2", "v0a1b2c3d", "v0a1b2c3d4e5f")] == [(None, 0)] * 3


async def test_release_may_come_twice_and_frees_no_claim_of_others(builder):
    named = msgspec.structs.replace(WISH, spec=msgspec.structs.replace(SPEC, image_tag="v1"))
    await builder.claims.take(REPO, "v1", OTHER)
    for _ in range(2):
        await builder.release(ABOUT, told(named, Gone(ABOUT)))
    assert (await builder.claims.find(REPO, "v1"))[0].uid == OTHER.uid


async def test_who_is_about_to_publish_when_another_process_has_released_names_nothing(tmp_path):
    over = set()

    async def gone(uid):
        return uid in over

    registry = Layout(tmp_path)
    builder = ImageBuilder(Claims(MemoryBucket(), gone), Opened(registry))
    looked = await builder.perform(ClaimTag(("v0a1b2",)), await seen(builder, WISH, READY), Beat())
    over.add(ABOUT.uid)
    await builder.release(ABOUT, told(WISH, Gone(ABOUT), Held(ABOUT.whole(), "image-builder")))
    with pytest.raises(Transient, match="mv-1 is gone"):
        await builder.perform(PublishImage("v0a1b2", ()), looked, Beat())
    assert await builder.claims.find(REPO, "v0a1b2") == (None, 0)
    assert registry.tags(REPO) == ()


async def test_the_image_is_left_and_named(builder):
    released = await builder.release(ABOUT, told(WISH, IMAGE, Gone(ABOUT)))
    assert released.left == (f"{REPO}:v0a1b2@sha256:11",)


async def test_release_works_without_a_wish(builder):
    assert (await builder.release(ABOUT, told(Gone(ABOUT)))).left == ()


async def test_a_wish_of_another_kind_is_a_bug_and_says_so(builder):
    with pytest.raises(TypeError, match="declared without a ModelVersion's spec"):
        await seen(builder, Declared(ABOUT, ModelSpec(), ""))


class TestARegistry:
    async def test_is_opened_as_the_spec_says(self, builder):
        spec = msgspec.structs.replace(SPEC, push_secret_ref=SecretRef("push"), registry=Registry(insecure=True))
        looked = await seen(builder, msgspec.structs.replace(WISH, spec=spec), READY)
        assert (await builder.perform(CheckAccess(), looked, Beat())).reached == Reached()
        assert builder.registries.asked == [Target(REPO, "team-a", "push", Registry(insecure=True))]

    async def test_says_whose_limits_count(self, builder):
        assert (await seen(builder, WISH)).host == "registry.example"

    @pytest.mark.parametrize("effect", [CheckAccess(), ClaimTag(("v0a1b2",)), PublishImage("v0a1b2", ())])
    async def test_that_lets_nobody_in_is_seen(self, builder, effect):
        builder.registries.keeps_out = NoAccess("SecretNotFound", "create it")
        looked = await builder.perform(effect, await seen(builder, WISH, READY), Beat())
        assert looked.reached == NoAccess("SecretNotFound", "create it")

    async def test_that_refuses_half_way_is_seen(self, builder, tmp_path):
        class Full(Layout):
            def upload(self, repo, known=None, place=""):
                raise Refused(NoAccess("DiskFull", f"{repo}: free some space{'' if known else place}"))

        builder.registries.registry = Full(tmp_path)
        for effect in (CheckAccess(), PublishImage("v0a1b2", ())):
            looked = await builder.perform(effect, await seen(builder, WISH, READY), Beat())
            assert looked.reached == NoAccess("DiskFull", f"{REPO}: free some space")
