"""Who answers at a URL: the one thing that decides who sees a credential, and whether plain http is allowed."""

from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

_PORTS = {"http": 80, "https": 443}


class Origin(msgspec.Struct, frozen=True):
    """A scheme, a host in lower case and a port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"


def of(url: str) -> Origin:
    """Return who answers at an absolute URL; ValueError when it is none of http or https."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"a {parts.scheme or 'relative'} URL where an http or https one is wanted")
    return Origin(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])


def loopback(host: str) -> bool:
    """Say whether a host, with or without a port, is this machine itself."""
    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def follow(base: str, location: str) -> str:
    """Return where a `Location` leads to from `base`.

    A registry behind a proxy that ends TLS names itself with http and a port of its own choice (":443"): the same host
    stays the origin that we know.
    """
    there, here = urlsplit(urljoin(base, location)), urlsplit(base)
    same = there.hostname == here.hostname and (there.port in {None, here.port} or there.port in _PORTS.values())
    if same and (there.scheme, here.scheme) == ("http", "https"):
        return urlunsplit(there._replace(scheme=here.scheme, netloc=here.netloc))
    return urlunsplit(there)


def shown(url: str) -> str:
    """Return a URL as it may be told: without what stands behind `?`, which opens uploads and signed downloads."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
