"""Pytest fixture: one real cluster's API for a session, with RBAC; without one the tests that ask for it are skipped.

Load it as a plugin. SHALE_TEST_KUBECONFIG names a cluster that is there; else the testbed beside the repository runs.
"""

from collections.abc import Generator

import pytest

from shale.testkit.apiserver import running


@pytest.fixture(scope="session")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Return the path of an administrator's kubeconfig."""
    with running(tmp_path_factory.mktemp("testbed"), "both") as kubeconfig:
        yield kubeconfig
