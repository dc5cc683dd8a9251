"""Which door a process has."""

from pathlib import Path

from shale.secrets.cluster import ClusterSecrets
from shale.secrets.folder import FolderSecrets
from shale.secrets.opening import open_secrets
from shale.secrets.secret import Missing

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def test_a_folder_that_was_named_is_the_door_even_in_a_pod(tmp_path):
    door = open_secrets(str(tmp_path), POD)
    assert isinstance(door, FolderSecrets)
    assert door.root == Path(tmp_path)


def test_a_pod_asks_its_own_cluster():
    door = open_secrets("", POD)
    assert isinstance(door, ClusterSecrets)
    assert door.api.url == "https://10.0.0.1:443"


def test_anything_else_has_none_and_is_told_how_to_get_one():
    found = open_secrets("", {}).get("team-a", "push")
    assert isinstance(found, Missing)
    assert "SHALE_SECRETS_DIR" in found.message
