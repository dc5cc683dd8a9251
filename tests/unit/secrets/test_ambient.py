"""The operator's list of who may push as the machine itself."""

import pytest

from shale.secrets import ambient
from shale.secrets.ambient import Ambient

LIST = "team-a=europe-docker.pkg.dev/project/models, team-b=gcr.io/b"


@pytest.mark.parametrize(
    ("namespace", "host", "repo", "may"),
    [
        pytest.param("team-a", "europe-docker.pkg.dev", "project/models/x", True, id="below what was granted"),
        pytest.param("team-a", "europe-docker.pkg.dev", "project/other", False, id="not beside it"),
        pytest.param("team-b", "europe-docker.pkg.dev", "project/models/x", False, id="not another namespace"),
        pytest.param("team-a", "us-docker.pkg.dev", "project/models/x", False, id="not another host"),
    ],
)
def test_a_grant_is_for_one_namespace_and_one_place(namespace, host, repo, may):
    assert ambient.parse(LIST).allows(namespace, host, repo) is may


def test_nobody_may_by_default():
    assert not Ambient().allows("team-a", "gcr.io", "x")
    assert ambient.parse("") == Ambient()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("team-a=gcr.io", id="a whole host"),
        pytest.param("*=gcr.io/x", id="every namespace"),
        pytest.param("team-a=*.gcr.io/x", id="every host"),
        pytest.param("team-a", id="no place"),
        pytest.param("gcr.io/x", id="no namespace"),
    ],
)
def test_what_is_too_wide_or_no_grant_is_named(text):
    with pytest.raises(ValueError, match="is not of the form namespace=host/repository"):
        ambient.parse(f"team-b=gcr.io/b,{text}")
