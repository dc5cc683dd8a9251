import pytest

from shale.oci.limits import GB, GiB, limits_of


@pytest.mark.parametrize(
    ("host", "layer"),
    [
        pytest.param("ghcr.io", 10 * GB, id="GHCR takes 10 GB"),
        pytest.param("docker.io", 10 * GB, id="so does Docker Hub"),
        pytest.param("public.ecr.aws", 10 * GB, id="and ECR Public"),
        pytest.param("GHCR.io", 10 * GB, id="hosts have no case"),
        pytest.param("123.dkr.ecr.eu-west-1.amazonaws.com", 48 * GiB, id="ECR takes 48 GiB"),
        pytest.param("localhost:5000", 48 * GiB, id="and so do others"),
        pytest.param("", 48 * GiB, id="and a folder"),
    ],
)
def test_each_registry_has_its_limit(host, layer):
    limits = limits_of(host)
    assert (limits.max_layer_bytes, limits.max_layers) == (layer, 60)
    assert limits.whence
