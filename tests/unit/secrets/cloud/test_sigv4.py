"""Signatures, against the examples of AWS's own test suite."""

import datetime as dt

import pytest

from shale.secrets.cloud.sigv4 import Post, sign
from shale.secrets.credentials import EcrKeys
from shale.secrets.hidden import Hidden

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AT = dt.datetime(2015, 8, 30, 12, 36, tzinfo=dt.UTC)
KEYS = EcrKeys("registry.example", "us-east-1", "AKIDEXAMPLE", Hidden(SECRET))
CREDENTIAL = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="


def authorization(headers, body=b"", keys=KEYS, at=AT):
    signed = sign(keys, Post("service", "example.amazonaws.com", headers, body), at)["authorization"]
    assert isinstance(signed, Hidden)
    return signed.reveal()


@pytest.mark.parametrize(
    ("headers", "body", "signed"),
    [
        pytest.param(
            {},
            b"",
            "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            {"My-Header1": "VALUE1"},
            b"",
            "host;my-header1;x-amz-date, Signature=cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            id="post-header-value-case",
        ),
        pytest.param(
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            id="post-x-www-form-urlencoded",
        ),
    ],
)
def test_a_signature_is_the_one_of_the_suite(headers, body, signed):
    assert authorization(headers, body) == CREDENTIAL + signed


def test_a_session_token_is_sent_and_signed():
    keys = EcrKeys("registry.example", "us-east-1", "AKIDEXAMPLE", Hidden(SECRET), Hidden("session"))
    signed = sign(keys, Post("service", "example.amazonaws.com", {}, b""), AT)
    assert signed["x-amz-security-token"] == Hidden("session")
    assert "host;x-amz-date;x-amz-security-token" in authorization({}, keys=keys)


def test_a_time_of_another_zone_is_the_same_time():
    zone = dt.timezone(dt.timedelta(hours=2))
    assert authorization({}, at=AT.astimezone(zone)) == authorization({})


def test_no_key_is_in_what_is_sent_and_nothing_of_it_is_shown():
    headers = sign(KEYS, Post("service", "example.amazonaws.com", {}, b""), AT)
    assert SECRET not in authorization({})
    assert "Signature" not in repr(headers)
