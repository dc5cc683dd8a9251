"""Where clouds give short-lived credentials, and what their answers mean."""

import re
from http import HTTPStatus
from typing import TypeVar

import msgspec

from shale.secrets.hidden import Hidden
from shale.secrets.secret import Forbidden, Malformed
from shale.secrets.wire import Answer

_CODE = re.compile(r"[A-Za-z_.#]{1,64}")  # no digits: it is a word and no key

T = TypeVar("T", bound=msgspec.Struct)


class Endpoints(msgspec.Struct, frozen=True):
    """Addresses with `{names}` to be filled in; tests give those of a loopback server."""

    ecr: str = "https://api.ecr.{region}.{domain}/"
    """Amazon ECR General Reference, "Service endpoints"."""
    azure: str = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    """Microsoft identity platform, "OAuth 2.0 client credentials flow"."""
    acr: str = "https://{host}/oauth2/exchange"
    """Azure/acr, docs/AAD-OAuth.md, "Calling POST /oauth2/exchange"."""
    google: str = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
    """Compute Engine, "Authenticate workloads": plain http, as it never leaves the machine; nothing hidden is sent."""


class _Complaint(msgspec.Struct):
    """AWS says `__type`, OAuth says `error`."""

    error: str = ""
    kind: str = msgspec.field(default="", name="__type")


def decoded(answer: Answer, struct: type[T], what: str) -> T | Forbidden | Malformed:
    """Return the struct that a cloud answered, or why it did not: its error's code, and nothing else that it says."""
    if answer.status == HTTPStatus.OK:
        found = _decode(answer.body, struct)
        return found or Malformed(f"{what} answered something else than its documentation says")
    complaint = _decode(answer.body, _Complaint) or _Complaint()
    code = next((one for one in (complaint.kind, complaint.error) if _CODE.fullmatch(one)), "no reason given")
    cure = "are the keys still good, and allowed there?"
    return Forbidden(f"{what} refused with {answer.status} ({code}): {cure}")


def _decode(body: Hidden[bytes], struct: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body.reveal(), type=struct)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
