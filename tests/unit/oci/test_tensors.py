import json

import pytest

from shale.contracts.artifact import PackedLayer
from shale.oci import digest, manifest, tensors
from shale.oci.descriptor import EMPTY, IMAGE_INDEX, TABLE_OF, TENSOR_TABLE, TENSORS, Descriptor
from shale.oci.manifest import Manifest
from shale.oci.tensors import LayerTable

ONE, TWO = (LayerTable("sha256:" + name * 64, "sha256:" + name.upper().lower() * 63 + "0", 7) for name in "ab")
LAYERS = [PackedLayer("w", "weight", one.layer, 9, table=one.digest, table_size=one.size) for one in (ONE, TWO, ONE)]
BARE = PackedLayer("small", "small", "sha256:" + "c" * 64, 9)


def artifact():
    image = manifest.build([BARE, *LAYERS], "v1")
    (made,) = [one for one in image.manifests if one.descriptor == image.tables]
    return made, image


def test_the_artifact_is_what_one_would_have_written_by_hand():
    made, image = artifact()
    assert json.loads(made.data) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.shale.tensors.v1",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        },
        "layers": [
            {
                "mediaType": "application/vnd.shale.tensors.layer.v1+json",
                "digest": table.digest,
                "size": 7,
                "annotations": {"dev.shale.layer": table.layer},
            }
            for table in (ONE, TWO)
        ],
        "subject": {"mediaType": IMAGE_INDEX, "digest": image.index.digest, "size": image.index.size},
    }
    assert made.descriptor.digest == digest.of(made.data)
    assert made.descriptor.size == len(made.data)


def test_the_tables_are_read_again_by_layer():
    read = manifest.parse(artifact()[0].data)
    assert isinstance(read, Manifest)
    assert tensors.tables(read) == {ONE.layer: ONE, TWO.layer: TWO}


def blob(media_type: str = TENSOR_TABLE, layer: str = ONE.layer) -> Descriptor:
    return Descriptor(media_type, ONE.digest, 7, {TABLE_OF: layer})


@pytest.mark.parametrize(
    ("kind", "blobs"),
    [
        pytest.param("application/vnd.other", (blob(),), id="another artifact"),
        pytest.param(None, (blob(),), id="an image"),
        pytest.param(TENSORS, (blob("application/json"),), id="another media type"),
        pytest.param(TENSORS, (blob(layer="../x"),), id="a layer without a digest"),
        pytest.param(TENSORS, (Descriptor(TENSOR_TABLE, ONE.digest, 7),), id="no layer"),
        pytest.param(TENSORS, (blob(), blob()), id="a layer twice"),
    ],
)
def test_what_is_no_such_artifact_is_refused(kind, blobs):
    with pytest.raises(ValueError, match=r"its type is|is no table"):
        tensors.tables(Manifest(Descriptor(EMPTY, digest.of(b"{}"), 2), blobs, schema_version=2, artifact_type=kind))
