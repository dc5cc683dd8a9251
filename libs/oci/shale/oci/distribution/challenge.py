"""`WWW-Authenticate` as data (RFC 9110, 11.6.1), and what a token may do (distribution's token scopes)."""

import re
from collections.abc import Iterable, Mapping

import msgspec

_SCHEME = re.compile(r"\s*+,?\s*+([A-Za-z][A-Za-z0-9_-]*)(?:\s+(?=[A-Za-z_]+\s*=)|\s*(?=,|$))")
_PARAMETER = re.compile(r'\s*+,?\s*+([A-Za-z_]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s",]+))')
_LONGEST = 8192


class Challenge(msgspec.Struct, frozen=True):
    """One way to say who we are; `scheme` and the names of the parameters are in lower case."""

    scheme: str
    parameters: dict[str, str]


def parse(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a header in their order; what is no challenge ends them."""
    found: list[Challenge] = []
    at, text = 0, header[:_LONGEST]
    while scheme := _SCHEME.match(text, at):
        parameters: dict[str, str] = {}
        at = scheme.end()
        while parameter := _PARAMETER.match(text, at):
            quoted, plain = parameter[2], parameter[3]
            parameters[parameter[1].lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            at = parameter.end()
        found.append(Challenge(scheme[1].lower(), parameters))
    return tuple(found)


Scopes = Mapping[str, frozenset[str]]
"""What a token is wanted for: actions by resource, `{"repository:team/resnet": {"pull", "push"}}`."""


def scope(path: str, *actions: str) -> Scopes:
    """Return the wish for actions on one repository."""
    return {f"repository:{path}": frozenset(actions)}


def merge(*wishes: Scopes) -> Scopes:
    """Return all wishes as one: the actions of each resource together, so that one token does for a mount."""
    merged: dict[str, frozenset[str]] = {}
    for wish in wishes:
        for resource, actions in wish.items():
            merged[resource] = merged.get(resource, frozenset()) | actions
    return merged


def covers(have: Scopes, want: Scopes) -> bool:
    """Say whether a token for `have` does for `want`."""
    return all(actions <= have.get(resource, frozenset()) for resource, actions in want.items())


def parse_scopes(text: str) -> Scopes:
    """Read `repository:team/resnet:pull,push`, several of them parted by blanks; what is none is left out."""
    return merge(*(_wish(part) for part in text.split()))


def print_scopes(scopes: Scopes) -> list[str]:
    """Return one `scope` parameter for each resource, the same for the same wishes."""
    return [f"{resource}:{','.join(sorted(actions))}" for resource, actions in sorted(scopes.items())]


def _wish(part: str) -> Scopes:
    resource, colon, actions = part.rpartition(":")
    return {resource: frozenset(actions.split(","))} if colon and ":" in resource else {}


def first(challenges: Iterable[Challenge], scheme: str) -> Challenge | None:
    """Return the first challenge of a scheme."""
    return next((one for one in challenges if one.scheme == scheme), None)
