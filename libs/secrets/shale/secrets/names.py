"""Names of namespaces and Secrets, checked before they become a path or a URL."""

import re

from shale.secrets.secret import Missing

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST = 253


def is_namespace(text: str) -> bool:
    """Tell whether a namespace may be called so: a DNS label."""
    return _NAMESPACE.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Tell whether a Secret may be called so: a DNS subdomain."""
    return len(text) <= _LONGEST and _NAME.fullmatch(text) is not None


def impossible(namespace: str, name: str) -> Missing | None:
    """Return why there can be no such Secret; None when there can."""
    if is_namespace(namespace) and is_name(name):
        return None
    return Missing(f"{namespace!r}/{name!r} names no Secret: names are of a-z, 0-9, '-' and '.'")
