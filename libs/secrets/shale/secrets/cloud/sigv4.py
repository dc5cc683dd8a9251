"""AWS Signature Version 4 of one POST without a query, by what the standard library has.

AWS General Reference, "Signing AWS API requests"; its test suite (`post-vanilla`) is among our tests. botocore would
sign too, and belongs to the sources.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from shale.secrets.credentials import EcrKeys
from shale.secrets.hidden import Hidden

_ALGORITHM = "AWS4-HMAC-SHA256"


class Post(msgspec.Struct, frozen=True):
    """A POST to `https://host/` of a service of AWS."""

    service: str
    host: str
    headers: Mapping[str, str]
    body: bytes


def sign(keys: EcrKeys, post: Post, at: dt.datetime) -> dict[str, str | Hidden[str]]:
    """Return all headers of the request: those it has, the date, the session token, the signature."""
    date = at.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    session = {"x-amz-security-token": keys.session_token} if keys.session_token else {}
    signed = {**{name.lower(): value for name, value in post.headers.items()}, "host": post.host, "x-amz-date": date}
    signed = {**signed, **session}
    names = ";".join(sorted(signed))
    scope = (date[:8], keys.region, post.service, "aws4_request")
    digest = hashlib.sha256(_canonical(signed, names, post.body).reveal()).hexdigest()
    signature = _signature(keys, scope, f"{_ALGORITHM}\n{date}\n{'/'.join(scope)}\n{digest}")
    where = f"Credential={keys.access_key}/{'/'.join(scope)}"
    return {**signed, "authorization": Hidden(f"{_ALGORITHM} {where}, SignedHeaders={names}, Signature={signature}")}


def _canonical(signed: Mapping[str, str | Hidden[str]], names: str, body: bytes) -> Hidden[bytes]:
    """Return the canonical request; hidden, as it holds the session token."""
    shown = (value.reveal() if isinstance(value, Hidden) else value for _, value in sorted(signed.items()))
    lines = (f"{name}:{value.strip()}\n" for name, value in zip(names.split(";"), shown, strict=True))
    text = f"POST\n/\n\n{''.join(lines)}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    return Hidden(text.encode())


def _signature(keys: EcrKeys, scope: tuple[str, ...], text: str) -> str:
    key = Hidden(f"AWS4{keys.secret_key.reveal()}".encode())
    for part in (*scope, text):
        key = Hidden(hmac.digest(key.reveal(), part.encode(), "sha256"))
    return key.reveal().hex()
