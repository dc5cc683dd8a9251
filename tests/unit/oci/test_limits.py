import pytest

from shale.oci.limits import GB, GiB, limits_of


@pytest.mark.parametrize(
    ("repo", "layer"),
    [
        pytest.param("ghcr.io/team/resnet", 10 * GB, id="GHCR takes 10 GB"),
        pytest.param("docker.io/team/resnet", 10 * GB, id="so does Docker Hub"),
        pytest.param("public.ecr.aws/team/resnet", 10 * GB, id="and ECR Public"),
        pytest.param("GHCR.io/team/resnet", 10 * GB, id="hosts have no case"),
        pytest.param("123.dkr.ecr.eu-west-1.amazonaws.com/resnet", 48 * GiB, id="ECR takes 48 GiB"),
        pytest.param("localhost:5000/resnet", 48 * GiB, id="and so do others"),
        pytest.param("modelhub/resnet", 48 * GiB, id="a repository without a host lies in a folder"),
    ],
)
def test_each_registry_has_its_limit(repo, layer):
    limits = limits_of(repo)
    assert (limits.max_layer_bytes, limits.max_layers) == (layer, 60)
    assert limits.whence
