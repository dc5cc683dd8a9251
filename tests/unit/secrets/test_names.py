"""Names that become a path or a URL."""

import pytest

from shale.secrets import names
from shale.secrets.secret import Missing


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        pytest.param("team-a", "push", id="as people name them"),
        pytest.param("a", "sh.helm.release.v1", id="a name may have dots"),
        pytest.param("9", "0", id="and be a number"),
    ],
)
def test_a_name_is_possible(namespace, name):
    assert names.impossible(namespace, name) is None


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        pytest.param("team-a", "..", id="the folder above"),
        pytest.param("..", "push", id="another namespace's folder"),
        pytest.param("team-a", "a/b", id="a path"),
        pytest.param("team-a", "push?x=y", id="a query"),
        pytest.param("team-a", "Push", id="capitals"),
        pytest.param("team-a", "", id="nothing"),
        pytest.param("team.a", "push", id="a dot in a namespace"),
        pytest.param("team-a", "a" * 254, id="too long"),
        pytest.param("team-a", "push\n", id="a line break at its end"),
        pytest.param("team-a", "%2e%2e", id="an escape"),
    ],
)
def test_a_name_is_impossible_and_nothing_is_asked(namespace, name):
    assert isinstance(names.impossible(namespace, name), Missing)
