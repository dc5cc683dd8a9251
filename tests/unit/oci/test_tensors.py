import json

import pytest

from shale.oci import digest, manifest, tensors
from shale.oci.descriptor import IMAGE_INDEX, Descriptor, Platform
from shale.oci.manifest import Manifest
from shale.oci.tensors import LayerTable

ONE, TWO = (LayerTable("sha256:" + name * 64, "sha256:" + name.upper().lower() * 63 + "0", 7) for name in "ab")
IMAGE = Descriptor(IMAGE_INDEX, "sha256:" + "e" * 64, 700, {"a": "b"}, Platform("amd64", "linux"))


def test_the_artifact_is_what_one_would_have_written_by_hand():
    made = tensors.artifact([ONE, TWO, ONE], IMAGE)
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
        "subject": {"mediaType": IMAGE_INDEX, "digest": IMAGE.digest, "size": 700},
    }
    assert made.descriptor.digest == digest.of(made.data)
    assert made.descriptor.size == len(made.data)


def test_the_tables_are_read_again_by_layer():
    read = manifest.parse(tensors.artifact([ONE, TWO], IMAGE).data)
    assert isinstance(read, Manifest)
    assert tensors.tables(read) == {ONE.layer: ONE, TWO.layer: TWO}


def blob(media_type: str = tensors.TABLE, layer: str = ONE.layer) -> Descriptor:
    return Descriptor(media_type, ONE.digest, 7, {tensors.LAYER: layer})


@pytest.mark.parametrize(
    ("kind", "blobs"),
    [
        pytest.param("application/vnd.other", (blob(),), id="another artifact"),
        pytest.param(None, (blob(),), id="an image"),
        pytest.param(tensors.TENSORS, (blob("application/json"),), id="another media type"),
        pytest.param(tensors.TENSORS, (blob(layer="../x"),), id="a layer without a digest"),
        pytest.param(tensors.TENSORS, (Descriptor(tensors.TABLE, ONE.digest, 7),), id="no layer"),
        pytest.param(tensors.TENSORS, (blob(), blob()), id="a layer twice"),
    ],
)
def test_what_is_no_such_artifact_is_refused(kind, blobs):
    with pytest.raises(ValueError, match=r"its type is|is no table"):
        tensors.tables(Manifest(tensors.EMPTY.descriptor, blobs, schema_version=2, artifact_type=kind))
