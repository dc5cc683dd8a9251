"""The proxy that the environment names for what is asked over TLS: HTTPS_PROXY and NO_PROXY, as curl reads them."""

from base64 import b64encode
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec

from shale.contracts.errors import Transient
from shale.secrets.hidden import Hidden

_PORT = 80


class Proxy(msgspec.Struct, frozen=True):
    """Where it is; its own login, when it wants one."""

    host: str
    port: int
    login: Hidden[str] = Hidden("")

    def headers(self) -> dict[str, str]:
        """Return what it is shown when a tunnel is asked for."""
        if not self.login:
            return {}
        return {"Proxy-Authorization": f"Basic {b64encode(self.login.reveal().encode()).decode()}"}


def find(place: SplitResult) -> Proxy | None:
    """Return the proxy on the way to an address; None where there is none. Raises Transient when it cannot be used."""
    known = getproxies()
    url = known.get("https") or known.get("all", "")
    host = place.hostname or ""
    if place.scheme != "https" or not url or _loopback(host):
        return None
    if proxy_bypass(f"{host}:{place.port}" if place.port else host, known):
        return None
    return _parsed(url)


def _parsed(url: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or _PORT
    except ValueError:
        raise Transient("HTTPS_PROXY is no URL such as http://proxy.example:3128") from None
    if parts.scheme != "http" or not parts.hostname:
        raise Transient("HTTPS_PROXY names a proxy that is not spoken to with http: write http://proxy.example:3128")
    user, at, _ = parts.netloc.rpartition("@")
    return Proxy(parts.hostname, port, Hidden(unquote(user) if at else ""))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
