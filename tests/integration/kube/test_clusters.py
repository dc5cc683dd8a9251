"""What is left of a cluster for tests when its start or its end goes wrong: nothing."""

import shutil
from pathlib import Path

import pytest

from shale.testkit import clusters
from shale.testkit.envtest import Envtest


class Noted(Envtest):
    """One that can be asked which processes it ever started."""

    def __init__(self, assets, folder):
        super().__init__(assets, folder)
        self.started = []

    def _start(self, program, *arguments):
        super()._start(program, *arguments)
        self.started += self._processes


def test_an_etcd_without_its_api_server_is_ended(tmp_path):
    (tmp_path / "etcd").write_text("#!/bin/sh\nexec sleep 300\n")
    (tmp_path / "etcd").chmod(0o755)
    envtest = Noted(tmp_path, tmp_path / "run")
    try:
        with pytest.raises(FileNotFoundError, match="kube-apiserver"), envtest:
            pass
        (etcd,) = envtest.started
        assert etcd.returncode is not None
    finally:
        envtest.down()


def test_a_cluster_ends_though_its_folder_went_first(tmp_path):
    ended = []

    def make():
        yield Path("kubeconfig")
        ended.append(True)

    with clusters.shared(tmp_path / "base", make) as kubeconfig:
        assert kubeconfig == Path("kubeconfig")
        shutil.rmtree(tmp_path / "base")
    assert ended


def test_a_cluster_ends_though_nobody_can_join_it_any_more(tmp_path):
    ended = []

    def make():
        yield Path("kubeconfig")
        ended.append(True)

    with clusters.shared(tmp_path / "base", make):
        (tmp_path / "base" / "kubeconfig.path").unlink()
    assert ended
