"""Tokens: how they are asked for, and how long they are used."""

import json

import pytest

from shale.oci.distribution.answer import Answer
from shale.oci.distribution.challenge import Challenge, merge, scope
from shale.oci.distribution.credentials import Bearer, Identity, Login
from shale.oci.distribution.tokens import Purse, request

ASKED = Challenge("bearer", {"realm": "https://auth.example/token?x=1", "service": "r s"})
BOTH = merge(scope("a", "pull", "push"), scope("b", "pull"))


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def answer(**content):
    return Answer(200, {}, json.dumps(content).encode(), "https://auth.example/token")


def test_a_login_asks_by_get_with_each_scope():
    asked = request(ASKED, BOTH, Login("ann", "secret"))
    query = "x=1&service=r+s&scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%3Apull"
    assert (asked.method, asked.url) == ("GET", f"https://auth.example/token?{query}")
    assert asked.headers == {"Authorization": "Basic YW5uOnNlY3JldA=="}


def test_nobody_asks_without_a_login():
    assert request(ASKED, BOTH, None).headers == {}


def test_a_refresh_token_asks_by_post_and_shows_in_no_url():
    asked = request(ASKED, BOTH, Identity("refresh"))
    assert asked.method == "POST"
    assert asked.url == ASKED.parameters["realm"]
    assert asked.body == (
        b"grant_type=refresh_token&refresh_token=refresh&client_id=shale"
        b"&scope=repository%3Aa%3Apull%2Cpush+repository%3Ab%3Apull&service=r+s"
    )


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_is_known_by_either_of_its_names(name):
    found = Purse(Clock()).put(answer(**{name: "t"}), BOTH)
    assert found is not None
    assert found.value == "t"


@pytest.mark.parametrize("content", [{"expires_in": 5}, {"token": 7}, {"token": "a\r\nb"}, {"token": ""}])
def test_an_answer_without_a_token_gives_none(content):
    assert Purse(Clock()).put(answer(**content), BOTH) is None
    assert Purse(Clock()).put(Answer(200, {}, b"<html>", "https://auth.example/"), BOTH) is None


@pytest.mark.parametrize(
    ("expires_in", "good", "ended"),
    [
        pytest.param({"expires_in": 300}, 289, 291, id="ten seconds before it ends"),
        pytest.param({}, 49, 51, id="a minute when it does not say"),
        pytest.param({"expires_in": 0}, 49, 51, id="a minute when it says nothing of use"),
        pytest.param({"expires_in": 4}, 1.9, 2.1, id="half of a short life"),
        pytest.param({"expires_in": "300"}, 289, 291, id="a number in quotes"),
    ],
)
def test_a_token_is_used_until(expires_in, good, ended):
    clock = Clock()
    purse = Purse(clock)
    purse.put(answer(token="t", **expires_in), BOTH)
    clock.now = 1000 + good
    assert purse.find(scope("a", "pull"))
    clock.now = 1000 + ended
    assert purse.find(scope("a", "pull")) is None


def test_a_token_that_was_refused_is_forgotten():
    purse = Purse(Clock())
    purse.put(answer(token="t"), BOTH)
    purse.drop("t")
    assert purse.find(BOTH) is None


@pytest.mark.parametrize("secret", [Login("ann", "hidden"), Identity("hidden"), Bearer("hidden")], ids=repr)
def test_no_secret_shows_in_a_repr(secret):
    assert "hidden" not in f"{secret} {secret!r} {[secret]}"
    token = Purse(Clock()).put(answer(token="hidden"), BOTH)
    assert "hidden" not in repr(token)
