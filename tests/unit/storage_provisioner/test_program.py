"""What storage-provisioner is made of, by its settings."""

from typing import Any

import pytest

from shale.storage_provisioner.cluster.service import ClusterProvisioner
from shale.storage_provisioner.program import StorageProvisionerSettings, build, rules_of
from shale.storage_provisioner.service import StorageProvisioner


class Doors:
    """As much of the runtime's doors as is looked at."""

    def __init__(self, **environ):
        self.environ = {f"SHALE_{name.upper()}": value for name, value in environ.items()}


def built(**environ) -> Any:
    doors: Any = Doors(**environ)
    return build(doors)


@pytest.fixture
def kubeconfig(tmp_path):
    (tmp_path / "kubeconfig").write_text("{}")
    return str(tmp_path / "kubeconfig")


@pytest.fixture
def key(tmp_path):
    (tmp_path / "key").write_text("k" * 32)
    return str(tmp_path / "key")


def test_without_a_reader_image_folders_of_this_machine_are_read(kubeconfig):
    for environ in ({}, {"kubeconfig": kubeconfig}):
        [service] = built(**environ).services
        assert isinstance(service, StorageProvisioner)


def test_with_one_volumes_of_the_cluster_are_read_and_swept(kubeconfig, key):
    program = built(kubeconfig=kubeconfig, reader_image="registry.example/shale:1", reader_key_file=key)
    [service] = program.services
    assert isinstance(service, ClusterProvisioner)
    assert len(program.tasks) == len(program.closes) == 1


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        pytest.param("kubeconfig", "set SHALE_KUBECONFIG", id="a cluster"),
        pytest.param("reader_key_file", "SHALE_READER_KEY_FILE", id="a key"),
    ],
)
def test_what_it_lacks_is_told(kubeconfig, key, lacking, told):
    settings = {"kubeconfig": kubeconfig, "reader_image": "registry.example/shale:1", "reader_key_file": key}
    del settings[lacking]
    with pytest.raises(ValueError, match=told):
        built(**settings)


def test_what_may_be_mounted_is_what_settings_name():
    rules = rules_of(
        StorageProvisionerSettings(roots="/models", nfs_allowed="nas", efs_allowed="fs-1:/a", nfs_options="ro, soft")
    )
    assert rules.nfs.allows("nas", "/x")
    assert rules.efs.allows("fs-1", "/a/b")
    assert not rules.efs.allows("fs-1", "/b")
    assert rules.nfs_options == ("ro", "soft")
    assert rules.roots.place("/models/a") is not None
