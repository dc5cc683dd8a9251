"""Amazon ECR: a password of twelve hours for AWS keys.

Amazon ECR API Reference, "GetAuthorizationToken": the token is base64 of `AWS:password`.
"""

import base64
import datetime as dt
from urllib.parse import urlsplit

import msgspec

from shale.secrets import wire
from shale.secrets.cloud.endpoints import Endpoints, decoded
from shale.secrets.cloud.sigv4 import Post, sign
from shale.secrets.credentials import Basic, EcrKeys
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed

_HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
}


class _Token(msgspec.Struct, rename="camel"):
    authorization_token: str


class _Tokens(msgspec.Struct, rename="camel"):
    authorization_data: list[_Token]


def password(keys: EcrKeys, endpoints: Endpoints, at: dt.datetime) -> Basic | Forbidden | Malformed:
    """Return a user name and a password for the registry."""
    domain = "amazonaws.com.cn" if keys.host.endswith(".cn") else "amazonaws.com"
    url = endpoints.ecr.format(region=keys.region, domain=domain)
    post = Post("ecr", urlsplit(url).netloc, _HEADERS, b"{}")
    answer = wire.exchange("POST", url, sign(keys, post, at), Hidden(post.body))
    match decoded(answer, _Tokens, f"ECR in {keys.region}"):
        case _Tokens(authorization_data=[first, *_]):
            return _basic(first.authorization_token, keys)
        case _Tokens():
            return Malformed(f"ECR in {keys.region} answered without a token")
        case refused:
            return refused


def _basic(token: str, keys: EcrKeys) -> Basic | Malformed:
    try:
        user, colon, hidden = base64.b64decode(token, validate=True).decode().partition(":")
    except ValueError:
        user, colon, hidden = "", "", ""
    if not (user and colon and hidden):
        return Malformed(f"ECR in {keys.region} answered a token that is not base64 of user:password")
    return Basic(user, Hidden(hidden), (keys.host,))
