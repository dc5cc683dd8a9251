"""Who deletes an image from a real registry meets who publishes the same."""

import asyncio

import pytest

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Gone
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.image_builder.claims import Claims
from shale.image_builder.perform import publish
from shale.image_builder.seen import PublishImage, Seen
from shale.image_builder.service import ImageBuilder
from shale.oci import manifest
from shale.oci.distribution.registry import Distribution
from shale.oci.registry import Pushed, push
from shale.runtime.told import Said, Told
from shale.testkit.bucket import MemoryBucket
from shale.testkit.opened import Opened

REPO, ENDED, NOW = "team/resnet", "2027-01-15T08:00:00Z", 1_800_000_000.0
PLACE = Storage(local_storage=LocalStorage("/models/resnet", "node-1"))


class Interrupted(Distribution):
    """A registry before whose first deletion of a manifest something else happens."""

    meanwhile = staticmethod(lambda: None)

    def delete(self, repo, digest):
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return super().delete(repo, digest)


def about(name):
    return About("modelversion", "team-a", name, f"uid-{name}", 1)


def wish(name):
    return ModelVersionSpec("resnet", REPO, PLACE, image_tag=name, deletion_policy="Delete")


async def version(claims, registry, name):
    """Publish a version with the same bytes as every other."""
    pushed = push(registry, REPO, b"weights")
    assert isinstance(pushed, Pushed)
    layer = Layer("0-small", "small", pushed.size), PackedLayer("small", "small", pushed.digest, pushed.size)
    seen = await publish(claims, registry, Seen(about(name), wish(name), NOW), PublishImage(name, (layer,)))
    assert seen.image is not None
    return seen.image


async def released(claims, registry, name, image):
    service = ImageBuilder(claims, Opened(registry))
    said = Said(Declared(about(name), wish(name), ENDED)), Said(image), Said(Gone(about(name).whole()), time=ENDED)
    return (await service.release(about(name), Told(about(name), said, now=NOW))).left


async def test_what_is_published_while_the_same_is_deleted_waits_and_stays(park, distribution_at):
    registry, claims = distribution_at("plain"), Claims(MemoryBucket())
    first = await version(claims, registry, "v1")
    interrupted, met = Interrupted(park.options("plain")), []

    def meanwhile():
        with pytest.raises(Transient, match="the same image as team/resnet:v2 is being deleted") as raised:
            asyncio.run(version(claims, registry, "v2"))
        met.append(raised)

    interrupted.meanwhile = meanwhile
    assert await released(claims, interrupted, "v1", first) == ()
    interrupted.close()
    assert met
    assert registry.resolve(REPO, first.digest) is None
    second = await version(claims, registry, "v2")
    assert await released(claims, registry, "v1", first) == ()
    built = manifest.build(second.layers, "v2")
    for reference, wanted in [*built.tags, *((one.descriptor.digest, one.descriptor) for one in built.manifests)]:
        there = registry.resolve(REPO, reference)
        assert there is not None, reference
        assert there.digest == wanted.digest
