"""Docker's configuration: the right credential for the right place, and messages that name keys only."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.secrets.credentials import Basic, Bearer, IdentityToken
from shale.secrets.dockerconfig import Unknown, Wrong, find
from shale.secrets.hidden import Hidden

SECRET = "s3cr3t-Pa55word"
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
USERS = WORDS.filter(lambda word: ":" not in word)


def config(**fields):
    return Hidden(json.dumps(fields).encode())


def auths(**entries):
    return config(auths={key.replace("__", "."): entry for key, entry in entries.items()})


def auth(user, password):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def basic(user, password, *hosts):
    return Basic(user, Hidden(password), hosts)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        pytest.param(auth("u", SECRET), basic("u", SECRET, "ghcr.io"), id="auth"),
        pytest.param(auth("u", "a:b"), basic("u", "a:b", "ghcr.io"), id="a password may hold a colon"),
        pytest.param(auth("u", "p\0\0"), basic("u", "p", "ghcr.io"), id="NULs at its end are Docker's"),
        pytest.param(
            {"auth": auth("u", "12")["auth"].rstrip("=")}, basic("u", "12", "ghcr.io"), id="auth without its padding"
        ),
        pytest.param({"username": "u", "password": "p"}, basic("u", "p", "ghcr.io"), id="user name and password"),
        pytest.param(
            {**auth("u", "p"), "username": "x", "password": "y"}, basic("u", "p", "ghcr.io"), id="auth wins over both"
        ),
        pytest.param(
            {**auth("00000000", ""), "identitytoken": SECRET},
            IdentityToken(Hidden(SECRET), ("ghcr.io",)),
            id="an identity token wins over auth",
        ),
        pytest.param({"registrytoken": SECRET}, Bearer(Hidden(SECRET), ("ghcr.io",)), id="an access token"),
        pytest.param(
            {**auth("u", "p"), "email": "x", "extra": {}}, basic("u", "p", "ghcr.io"), id="more than is known"
        ),
        pytest.param({}, None, id="an empty entry is nobody's"),
        pytest.param({"auth": None, "username": ""}, None, id="so is one of nothing"),
    ],
)
def test_an_entry_is_read(entry, found):
    assert find(auths(ghcr__io=entry), "ghcr.io", "team/x") == found


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param({"auth": SECRET + "!"}, "'auth' of 'ghcr.io' is not base64", id="auth that is no base64"),
        pytest.param(
            {"auth": base64.b64encode(SECRET.encode()).decode()}, "'auth' of 'ghcr.io'", id="auth without a colon"
        ),
        pytest.param(
            {"auth": base64.b64encode(b"\xff\xfe:x").decode()}, "'auth' of 'ghcr.io'", id="auth that is no text"
        ),
        pytest.param({"auth": 7, "password": SECRET}, "the entry of 'ghcr.io'", id="a number for a text"),
        pytest.param([SECRET], "the entry of 'ghcr.io'", id="a list for an entry"),
        pytest.param({"registrytoken": SECRET + "\r\nx: y"}, "'registrytoken' of 'ghcr.io'", id="a header in a token"),
        pytest.param({"username": "a:b", "password": SECRET}, "'username' of 'ghcr.io'", id="a colon in a user name"),
    ],
)
def test_what_is_wrong_is_named_by_its_key_and_not_by_its_value(entry, said):
    found = find(auths(ghcr__io=entry), "ghcr.io", "x")
    assert isinstance(found, Wrong)
    assert said in found.why
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SECRET.encode(), id="no JSON"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"auths": []}', id="auths that are a list"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b'{"auths": ' * 100_000, id="a well without a bottom"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_configuration_is_said_so(text):
    found = find(Hidden(text), "ghcr.io", "x")
    assert isinstance(found, Wrong)
    assert ".dockerconfigjson" in found.why
    assert SECRET not in repr(found)


def test_a_host_without_an_entry_is_unknown_and_the_others_are_named():
    assert find(auths(ghcr__io=auth("u", "p"), quay__io=auth("u", "p")), "evil.example", "x") == Unknown(
        ("ghcr.io", "quay.io")
    )


def test_an_entry_that_is_wrong_does_not_harm_the_others():
    assert find(auths(a__example=[1], b__example=auth("u", "p")), "b.example", "x") == basic("u", "p", "b.example")


def test_docker_hub_may_also_be_asked_for_tokens():
    held = config(auths={"https://index.docker.io/v1/": auth("u", "p")})
    assert find(held, "docker.io", "library/x") == basic("u", "p", "docker.io", "auth.docker.io")


def test_of_two_keys_for_one_place_the_one_that_holds_something_counts():
    held = config(auths={"docker.io": {}, "https://index.docker.io/v1/": auth("u", "p")})
    assert isinstance(find(held, "docker.io", "x"), Basic)


def test_a_pattern_gives_its_credential_to_the_one_host_that_was_asked_for():
    held = config(auths={"*.azurecr.io": auth("u", "p")})
    assert find(held, "mine.azurecr.io", "x") == basic("u", "p", "mine.azurecr.io")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"auths": {"ghcr.io": {}}, "credsStore": "desktop"}, "'desktop'", id="a store for all"),
        pytest.param({"credHelpers": {"ghcr.io": "gh"}}, "'gh'", id="a helper for the host"),
        pytest.param({"credHelpers": {"ghcr.io": "gh"}, "credsStore": "x"}, "'gh'", id="a helper before a store"),
    ],
)
def test_a_credential_helper_is_refused_with_the_cure(fields, said):
    found = find(config(**fields), "ghcr.io", "x")
    assert isinstance(found, Wrong)
    assert f"credential helper {said}" in found.why
    assert "kubectl create secret docker-registry" in found.why


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"credsStore": "desktop"}, id="a store"),
        pytest.param({"credHelpers": {"quay.io": "gh"}}, id="a helper for another host"),
    ],
)
def test_a_helper_that_is_not_needed_does_no_harm(fields):
    assert find(config(auths={"ghcr.io": auth("u", "p")}, **fields), "ghcr.io", "x") == basic("u", "p", "ghcr.io")


@given(USERS, WORDS)
def test_every_way_to_write_a_password_means_the_same(user, password):
    entries = [auth(user, password), {"username": user, "password": password}]
    assert [find(auths(ghcr__io=entry), "ghcr.io", "x") for entry in entries] == [basic(user, password, "ghcr.io")] * 2


@given(st.binary(max_size=60))
def test_no_bytes_bring_it_down(data):
    assert isinstance(find(Hidden(data), "ghcr.io", "x"), Wrong | Unknown)


JSON = st.none() | st.booleans() | st.integers() | WORDS | st.lists(WORDS, max_size=2) | st.just({"a": {}})


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("auth", "username", "password", "identitytoken"), JSON)))
def test_no_entry_brings_it_down(entry):
    found = find(config(auths={"ghcr.io": entry}), "ghcr.io", "x")
    assert found is None or isinstance(found, Wrong | Basic | IdentityToken)


@given(st.text(min_size=1, max_size=30))
def test_no_key_is_a_way_to_another_host(key):
    found = find(config(auths={key: auth("u", "p")}), "registry.example", "x")
    assert isinstance(found, Unknown) or found == basic("u", "p", "registry.example")
