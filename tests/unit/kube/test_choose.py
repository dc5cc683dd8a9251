"""Which cluster a process works on."""

import pytest

from shale.kube.choose import NONE, Place, cluster

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.fixture
def account(tmp_path):
    path = tmp_path / "token"
    path.write_text("t")
    return str(path)


def test_a_kubeconfig_that_is_named_is_taken(tmp_path, account):
    path = tmp_path / "config"
    path.write_text("{}")
    assert cluster(str(path), {}) == Place(str(path))
    assert cluster(str(path), POD, account) == Place(str(path))


def test_a_kubeconfig_that_is_not_there_is_a_mistake():
    with pytest.raises(ValueError, match="SHALE_KUBECONFIG=/nowhere/config"):
        cluster("/nowhere/config", {})


def test_a_pod_has_its_own_and_elsewhere_there_is_none(account):
    assert cluster("", POD, account) == Place()
    assert cluster("", {}, account) is None
    assert cluster("", POD, "/nowhere/token") is None


def test_who_wants_none_has_none_even_in_a_pod(account):
    assert cluster(NONE, POD, account) is None
