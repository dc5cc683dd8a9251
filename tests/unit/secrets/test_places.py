"""Which place covers which repository."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.secrets import places
from shale.secrets.places import Place

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
HOSTS = st.builds(
    lambda labels, port: ".".join(labels) + port,
    st.lists(LABELS, min_size=2, max_size=4),
    st.sampled_from(["", ":5000", ":80"]),
)
PARTS = st.from_regex(r"[a-uw-z][a-z0-9]{0,5}", fullmatch=True)
REPOS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("ghcr.io", Place("ghcr.io"), id="a host"),
        pytest.param("GHCR.io", Place("ghcr.io"), id="a host in capitals"),
        pytest.param("https://ghcr.io", Place("ghcr.io"), id="with a scheme"),
        pytest.param("https://ghcr.io/", Place("ghcr.io"), id="with a slash"),
        pytest.param("https://ghcr.io/v2/", Place("ghcr.io"), id="with the API's version"),
        pytest.param("https://index.docker.io/v1/", Place("docker.io"), id="Docker Hub as docker login writes it"),
        pytest.param("index.docker.io", Place("docker.io"), id="Docker Hub's index"),
        pytest.param("registry-1.docker.io", Place("docker.io"), id="Docker Hub's registry"),
        pytest.param("docker.io", Place("docker.io"), id="Docker Hub as images name it"),
        pytest.param("localhost:5000", Place("localhost:5000"), id="with a port"),
        pytest.param("ghcr.io:443", Place("ghcr.io"), id="with the port that https has anyway"),
        pytest.param("[::1]:5000", Place("[::1]:5000"), id="an address of IPv6"),
        pytest.param("quay.io/team/models/", Place("quay.io", "team/models"), id="a path"),
        pytest.param("https://quay.io/v2/team", Place("quay.io", "team"), id="a path below the version"),
        pytest.param("*.azurecr.io", Place("*.azurecr.io"), id="a pattern"),
        pytest.param("", None, id="nothing is no place"),
        pytest.param("https://", None, id="a scheme alone is no place"),
        pytest.param("user@host", None, id="a user is no part of a place"),
        pytest.param("a b", None, id="a host has no spaces"),
        pytest.param("-x.example", None, id="a host does not begin with a dash"),
        pytest.param("x" * 600, None, id="nor is it as long as this"),
    ],
)
def test_a_place_is_read_as_people_write_it(text, place):
    assert places.parse(text) == place


@pytest.mark.parametrize(
    ("place", "host", "repo", "covered"),
    [
        pytest.param("ghcr.io", "ghcr.io", "a/b", True, id="a host covers all of its repositories"),
        pytest.param("ghcr.io", "GHCR.IO", "a", True, id="in whatever case"),
        pytest.param("ghcr.io", "evil-ghcr.io", "a", False, id="not a host that ends like it"),
        pytest.param("ghcr.io", "ghcr.io.evil.example", "a", False, id="not a host that begins like it"),
        pytest.param("ghcr.io", "sub.ghcr.io", "a", False, id="not a host below it"),
        pytest.param("ghcr.io", "ghcr.io:5000", "a", False, id="not another port"),
        pytest.param("ghcr.io:5000", "ghcr.io", "a", False, id="nor the usual port for a special one"),
        pytest.param("ghcr.io/team", "ghcr.io", "team", True, id="a path covers itself"),
        pytest.param("ghcr.io/team", "ghcr.io", "team/x", True, id="and what is below it"),
        pytest.param("ghcr.io/team", "ghcr.io", "teams", False, id="and nothing beside it"),
        pytest.param("docker.io", "registry-1.docker.io", "a", True, id="Docker Hub by any of its names"),
        pytest.param("*.azurecr.io", "my.azurecr.io", "a", True, id="a star is a label"),
        pytest.param("*.azurecr.io", "a.b.azurecr.io", "a", False, id="not two"),
        pytest.param("*.azurecr.io", "azurecr.io", "a", False, id="nor none"),
        pytest.param("mi*.example", "mine.example", "a", True, id="or a part of a label"),
        pytest.param("*.example:5000", "a.example:5000", "a", True, id="with the same port"),
        pytest.param("*.example", "a.example:5000", "a", False, id="not with another one"),
    ],
)
def test_a_place_covers(place, host, repo, covered):
    parsed = places.parse(place)
    assert parsed is not None
    assert places.covers(parsed, host, repo) is covered


@given(HOSTS, REPOS)
def test_a_place_survives_being_written_and_read(host, repo):
    place = Place(places.host(host), repo)
    assert places.parse(str(place)) == place


@given(HOSTS, REPOS, REPOS)
def test_a_place_covers_what_is_below_it_and_only_its_own_host(host, path, rest):
    place = Place(places.host(host), path)
    assert places.covers(place, host, f"{path}/{rest}")
    assert not places.covers(place, f"other.{host}", f"{path}/{rest}")
    assert not places.covers(place, host, f"{path}{rest}")


@given(HOSTS, st.lists(REPOS, max_size=5), REPOS)
def test_the_longest_prefix_wins(host, paths, repo):
    known = [Place(places.host(host)), *(Place(places.host(host), path) for path in paths)]
    best = places.best(known, host, repo)
    assert best is not None
    assert all(len(one.path) <= len(best.path) for one in known if places.covers(one, host, repo))


def test_a_name_goes_before_a_pattern_whatever_their_paths():
    known = [Place("*.example", "team/models"), Place("a.example")]
    assert places.best(known, "a.example", "team/models/x") == Place("a.example")


def test_what_nothing_covers_has_no_best():
    assert places.best([Place("ghcr.io")], "quay.io", "a") is None
