import msgspec
import pytest

from shale.contracts.artifact import PackedLayer
from shale.oci import digest, laws, manifest
from shale.oci.descriptor import Descriptor


def an_image(data):
    found = manifest.parse(data)
    assert isinstance(found, manifest.Manifest)
    return found


def an_index(data):
    found = manifest.parse(data)
    assert isinstance(found, manifest.Index)
    return found


LAYERS = (
    PackedLayer("small", "small", digest.of(b"small"), 4608),
    PackedLayer("model.safetensors", "weight", digest.of(b"weights"), 90_000_384),
)
IMAGE = manifest.build(LAYERS, "v1")
CONFIG = IMAGE.blobs[0].data
AMD64, ARM64, PACK = (an_image(IMAGE.manifests[at].data) for at in (0, 1, 3))
INDEX = an_index(IMAGE.manifests[2].data)
FOUND = {one.digest: image for one, image in zip(INDEX.manifests, (AMD64, ARM64), strict=True)}
SWAPPED = tuple(reversed(AMD64.layers))


def changed(struct, **fields):
    return msgspec.structs.replace(struct, **fields)


def test_bytes_of_another_digest_and_size_are_told_apart():
    descriptor = Descriptor("", digest.of(b"weights"), 7)
    assert laws.check(descriptor, b"weights") == ()
    assert laws.check(descriptor, b"heights") == (
        f"{descriptor.digest} holds bytes whose digest is {digest.of(b'heights')}",
    )
    assert laws.check(changed(descriptor, size=8), b"weights") == (
        f"{descriptor.digest} is 7 bytes, its descriptor says 8",
    )


@pytest.mark.parametrize(
    ("image", "config", "complaint"),
    [
        pytest.param(AMD64, CONFIG, None, id="ours obeys"),
        pytest.param(AMD64, CONFIG + b" ", "holds bytes whose digest is", id="a config with other bytes"),
        pytest.param(AMD64, b"[]", "is no image config", id="a config that is none"),
        pytest.param(changed(AMD64, layers=AMD64.layers[:1]), CONFIG, "has 2 diff_ids for 1 layers", id="a lost layer"),
        pytest.param(changed(AMD64, layers=SWAPPED), CONFIG, "diff_ids[0] is", id="layers in another order"),
    ],
)
def test_an_image_agrees_with_its_config(image, config, complaint):
    assert_complaint(laws.check_image(image, config), complaint)


@pytest.mark.parametrize(
    ("index", "found", "complaint"),
    [
        pytest.param(INDEX, FOUND, None, id="ours obeys"),
        pytest.param(INDEX, {}, "which is not there", id="a lost manifest"),
        pytest.param(
            INDEX,
            {one: changed(AMD64, layers=AMD64.layers[at:]) for at, one in enumerate(FOUND)},
            "unlike layers",
            id="platforms with unlike layers",
        ),
        pytest.param(
            changed(INDEX, manifests=(changed(INDEX.manifests[0], platform=None),)),
            FOUND,
            "no platform",
            id="no platform",
        ),
    ],
)
def test_an_index_agrees_with_its_images(index, found, complaint):
    assert_complaint(laws.check_index(index, found), complaint)


@pytest.mark.parametrize(
    ("pack", "complaint"),
    [
        pytest.param(PACK, None, id="ours obeys"),
        pytest.param(changed(PACK, artifact_type=None), "its artifactType is None", id="no artifact type"),
        pytest.param(changed(PACK, subject=None), "its subject is nothing", id="no subject"),
        pytest.param(changed(PACK, layers=PACK.layers[1:]), "has 1 layers for 2", id="a lost layer"),
        pytest.param(changed(PACK, layers=SWAPPED), "layers[0] is", id="layers in another order"),
    ],
)
def test_a_model_pack_lies_over_the_blobs_of_its_image(pack, complaint):
    assert_complaint(laws.check_model_pack(pack, IMAGE.index, AMD64), complaint)


def assert_complaint(complaints, wanted):
    assert (wanted is None) is (complaints == ())
    assert wanted is None or wanted in " | ".join(complaints)
