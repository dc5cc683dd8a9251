"""Names that come from people: repositories and tags, parsed before they become a path or a URL.

distribution-spec v1.1, "Pulling manifests": `<name>` and `<reference>`; the host is the reference grammar's.
"""

import re

_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_HOST = rf"[a-zA-Z0-9]+([.-]+[a-zA-Z0-9]+)*(:{_PORT})?"
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"({_HOST}/)?{_PART}(/{_PART})*")
_IPV6 = re.compile(r"\[[0-9a-fA-F:.]*\]|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*/")
"""Docker's grammar of references has IPv6; the folder of a layout has no signs for it."""
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_LONGEST = 255
_RESERVED = frozenset({"blobs", "index.json", "oci-layout"})


def repository(text: str) -> str:
    """Return the repository as it is; ValueError when it is none."""
    if _IPV6.match(text):
        raise ValueError(f"{text!r}: a registry goes by a name or an IPv4 address here: give the IPv6 address a name")
    if len(text) > _LONGEST or not _REPOSITORY.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a repository such as registry.example/models/resnet: no tag, no digest, no '..', no "
            "port above 65535"
        )
    return text


def split(repo: str, home: str) -> tuple[str, str]:
    """Return (host, path) of a repository; one that names no host lies at `home`. ValueError when it is none.

    The first component is a host when it could not be a path: it holds a `.` or a `:`, has capitals, or is `localhost`.
    """
    first, slash, rest = repository(repo).partition("/")
    if slash and (first == "localhost" or first != first.lower() or "." in first or ":" in first):
        return first.lower(), rest
    return home, repo


def folder(repo: str) -> str:
    """Return the repository's folder below a layout's root: its own name, with `+` for the `:` before a port.

    A component that is a name of the layout's own gets a `_` in front; no repository has either sign there, so no two
    meet. ValueError when it is no repository.
    """
    parts = repository(repo).replace(":", "+", 1).split("/")
    return "/".join(f"_{part}" if part in _RESERVED else part for part in parts)


def is_tag(text: str) -> bool:
    """Say whether it is a tag."""
    return _TAG.fullmatch(text) is not None


def tag(text: str) -> str:
    """Return the tag as it is; ValueError when it is none."""
    if not is_tag(text):
        raise ValueError(
            f"{text!r} is not a tag: at most 128 letters, digits, '.', '_' and '-', not beginning with '.' or '-'"
        )
    return text
