"""What registries ask of us, and what a token is wanted for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.oci.distribution.challenge import Challenge, covers, first, merge, parse, parse_scopes, print_scopes, scope

HUB = 'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"'
HUB_PARAMETERS = {
    "realm": "https://auth.example/token",
    "service": "registry.example",
    "scope": "repository:a/b:pull,push",
}


@pytest.mark.parametrize(
    ("header", "found"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param(HUB, (Challenge("bearer", HUB_PARAMETERS),), id="docker's"),
        pytest.param('Basic realm="x"', (Challenge("basic", {"realm": "x"}),), id="basic"),
        pytest.param("BASIC realm=x", (Challenge("basic", {"realm": "x"}),), id="other case, no quotes"),
        pytest.param("Negotiate", (Challenge("negotiate", {}),), id="no parameters"),
        pytest.param(
            'Negotiate, Basic realm="a \\"b\\", c" , charset="UTF-8"',
            (Challenge("negotiate", {}), Challenge("basic", {"realm": 'a "b", c', "charset": "UTF-8"})),
            id="several, with commas and quotes inside",
        ),
        pytest.param(
            'Basic realm="x", ' + HUB,
            (Challenge("basic", {"realm": "x"}), Challenge("bearer", HUB_PARAMETERS)),
            id="basic and bearer",
        ),
        pytest.param("=,=", (), id="no challenge at all"),
    ],
)
def test_a_header_is_read(header, found):
    assert parse(header) == found


@given(st.text(max_size=300))
def test_nothing_breaks_the_reader(header):
    assert all(one.scheme for one in parse(header))


def test_a_scheme_is_chosen():
    assert first(parse(f'Basic realm="x", {HUB}'), "bearer") == Challenge("bearer", HUB_PARAMETERS)
    assert first(parse(HUB), "basic") is None


def test_wishes_for_the_same_repository_become_one():
    wish = merge(scope("a/b", "pull"), scope("a/b", "push"), scope("c", "pull"))
    assert print_scopes(wish) == ["repository:a/b:pull,push", "repository:c:pull"]


@pytest.mark.parametrize(
    ("have", "want", "does"),
    [
        (scope("a", "pull", "push"), scope("a", "pull"), True),
        (scope("a", "pull"), scope("a", "pull", "push"), False),
        (scope("a", "pull"), scope("b", "pull"), False),
        (merge(scope("a", "pull"), scope("b", "pull")), scope("b", "pull"), True),
        ({}, {}, True),
    ],
)
def test_a_token_does_for_less_than_it_was_asked_for(have, want, does):
    assert covers(have, want) is does


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("repository:a/b:push,pull repository:c:pull", ["repository:a/b:pull,push", "repository:c:pull"]),
        ("repository:host:5000/a:pull", ["repository:host:5000/a:pull"]),
        ("registry:catalog:*", ["registry:catalog:*"]),
        ("nonsense", []),
        ("", []),
    ],
)
def test_scopes_are_read_and_printed(text, printed):
    assert print_scopes(parse_scopes(text)) == printed
