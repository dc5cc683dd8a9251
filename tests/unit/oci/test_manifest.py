import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.contracts.artifact import PackedLayer
from shale.oci import digest, laws, manifest
from shale.oci.descriptor import TABLE_OF, TENSORS

SMALL = PackedLayer("small", "small", digest.of(b"small"), 4608)
WEIGHTS = PackedLayer("onnx/model.onnx", "weight", digest.of(b"weights"), 90_000_384)
LAYERS = (SMALL, WEIGHTS)

A_LAYER = st.builds(
    PackedLayer,
    name=st.text(min_size=1, max_size=20),
    role=st.sampled_from(("small", "weight")),
    digest=st.binary().map(digest.of),
    size=st.integers(0, 2**50),
    reused=st.booleans(),
    table=st.one_of(st.just(""), st.binary().map(digest.of)),
    table_size=st.integers(0, 2**26),
)


def an_image(data):
    found = manifest.parse(data)
    assert isinstance(found, manifest.Manifest)
    return found


def an_index(data):
    found = manifest.parse(data)
    assert isinstance(found, manifest.Index)
    return found


def read(document):
    return json.loads(document.data)


@given(st.lists(A_LAYER, min_size=1, max_size=60))
def test_every_image_obeys_the_laws(layers):
    image = manifest.build(layers, "v1")
    documents = {one.descriptor.digest: one.data for one in (*image.blobs, *image.manifests)}
    for one in (*image.blobs, *image.manifests):
        assert laws.check(one.descriptor, one.data) == ()
    index = an_index(documents[image.index.digest])
    images = {one.digest: an_image(documents[one.digest]) for one in index.manifests}
    assert laws.check_index(index, images) == ()
    for one in images.values():
        assert laws.check_image(one, documents[one.config.digest]) == ()
        pack = an_image(documents[image.model_pack.digest])
        assert laws.check_model_pack(pack, image.index, one) == ()


@given(st.lists(A_LAYER, min_size=1, max_size=10))
def test_the_same_layers_give_the_same_digests_whoever_sent_them(layers):
    unsent = [msgspec.structs.replace(layer, reused=not layer.reused) for layer in layers]
    assert manifest.build(layers, "v1") == manifest.build(unsent, "v1")


def test_the_tag_is_in_no_document():
    assert manifest.build(LAYERS, "v1").manifests == manifest.build(LAYERS, "v2").manifests


def test_each_document_is_pushed_after_those_that_it_names():
    image = manifest.build(LAYERS, "v1")
    there = {layer.digest for layer in LAYERS} | {blob.descriptor.digest for blob in image.blobs}
    for document in image.manifests:
        found = manifest.parse(document.data)
        named = found.manifests if isinstance(found, manifest.Index) else (found.config, *found.layers)
        assert {one.digest for one in named} <= there
        there.add(document.descriptor.digest)
    assert {named.digest for _, named in image.tags} <= there


def test_the_tag_of_the_image_moves_last():
    image = manifest.build(LAYERS, "v1")
    assert image.tags == (("v1-modelpack", image.model_pack), ("v1", image.index))


@pytest.mark.parametrize(("at", "architecture"), [(0, "amd64"), (1, "arm64")])
def test_a_config_is_what_one_would_have_written_by_hand(at, architecture):
    assert read(manifest.build(LAYERS, "v1").blobs[at]) == {
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "KUBEDL_MODEL_PATH=/kubedl-model",
                "MODEL_PATH=/models",
            ]
        },
        "rootfs": {"type": "layers", "diff_ids": [SMALL.digest, WEIGHTS.digest]},
    }


def test_an_image_manifest_is_what_one_would_have_written_by_hand():
    image = manifest.build(LAYERS, "v1")
    config = image.blobs[0].descriptor
    layer = "application/vnd.oci.image.layer.v1.tar"
    assert read(image.manifests[0]) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": config.digest,
            "size": config.size,
        },
        "layers": [
            {"mediaType": layer, "digest": SMALL.digest, "size": 4608},
            {"mediaType": layer, "digest": WEIGHTS.digest, "size": 90_000_384},
        ],
    }


def test_the_index_names_both_platforms():
    image = manifest.build(LAYERS, "v1")
    index = read(image.manifests[2])
    assert index["mediaType"] == image.index.media_type == "application/vnd.oci.image.index.v1+json"
    assert [entry["platform"] for entry in index["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux"},
    ]
    assert [entry["digest"] for entry in index["manifests"]] == [one.descriptor.digest for one in image.manifests[:2]]


def test_the_model_pack_manifest_is_what_one_would_have_written_by_hand():
    image = manifest.build(LAYERS, "v1")
    pack = read(image.manifests[3])
    assert pack["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    assert pack["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    assert pack["subject"] == msgspec.to_builtins(image.index)
    assert pack["layers"] == [
        {
            "mediaType": "application/vnd.cncf.model.weight.config.v1.tar",
            "digest": SMALL.digest,
            "size": 4608,
            "annotations": named("."),
        },
        {
            "mediaType": "application/vnd.cncf.model.weight.v1.tar",
            "digest": WEIGHTS.digest,
            "size": 90_000_384,
            "annotations": named("models/onnx/model.onnx"),
        },
    ]


def test_the_model_pack_config_has_its_three_required_parts():
    assert read(manifest.build(LAYERS, "v1").blobs[2]) == {
        "descriptor": {},
        "config": {},
        "modelfs": {"type": "layers", "diffIds": [SMALL.digest, WEIGHTS.digest]},
    }


def test_documents_are_canonical_json():
    for document in manifest.build(LAYERS, "v1").manifests:
        assert document.data == json.dumps(read(document), sort_keys=True, separators=(",", ":")).encode()


def test_the_digests_are_those_of_ever():
    image = manifest.build(LAYERS, "v1")
    assert image.index.digest == "sha256:5ef565ae592a57fe5422b2073448b24a5810355e67c0fa03004034c4c40bb071"
    assert image.model_pack.digest == "sha256:7697c0e68adebad7550523cec1b1d3b9abf8a74dd8c92f54523c0e2199bbb7bc"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"schemaVersion":2}', id="no media type"),
        pytest.param(b'{"schemaVersion":1,"mediaType":"application/vnd.oci.image.index.v1+json"}', id="an old schema"),
        pytest.param(b'{"schemaVersion":2,"mediaType":"text/plain"}', id="another media type"),
    ],
)
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(ValueError, match=r".+"):
        manifest.parse(data)


def test_a_full_image_is_far_below_what_registries_take():
    names = ["x" * 200] * 60
    layers = [PackedLayer(name, "weight", SMALL.digest, 10**13) for name in names]
    assert all(one.descriptor.size < manifest.MAX_BYTES / 10 for one in manifest.build(layers, "v1").manifests)


def named(path):
    keys = ("org.cncf.model.filepath", "org.opencontainers.image.title", "org.cnai.model.filepath")
    return dict.fromkeys(keys, path)


@given(st.lists(A_LAYER, min_size=1, max_size=10))
def test_the_tables_refer_to_the_index_and_each_names_its_layer(layers):
    image = manifest.build(layers, "v1")
    tabled = {layer.digest: (layer.table, layer.table_size) for layer in layers if layer.table}
    assert (image.tables is not None) == bool(tabled)
    if image.tables is not None:
        (data,) = [one.data for one in image.manifests if one.descriptor == image.tables]
        found = an_image(data)
        assert (found.artifact_type, found.subject) == (TENSORS, image.index)
        assert {(one.annotations or {})[TABLE_OF]: (one.digest, one.size) for one in found.layers} == tabled
        assert set(manifest.named(found)) <= {one.descriptor.digest for one in image.blobs} | set(dict(tabled.values()))


def test_a_table_changes_neither_the_image_nor_its_model_pack():
    bare = manifest.build(LAYERS, "v1")
    tabled = manifest.build((SMALL, msgspec.structs.replace(WEIGHTS, table=digest.of(b"t"), table_size=1)), "v1")
    assert (tabled.index, tabled.model_pack, tabled.tags) == (bare.index, bare.model_pack, bare.tags)
