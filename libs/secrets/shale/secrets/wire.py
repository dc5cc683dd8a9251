"""One bounded HTTP exchange: no redirect is followed, nothing hidden leaves in the clear, nothing hidden is told.

Answers of APIs and token endpoints are small; weights never pass here.
"""

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import msgspec

from shale.contracts.errors import Transient
from shale.secrets import proxies
from shale.secrets.hidden import Hidden

PAUSE = 10.0
"""Seconds that a peer may be silent."""

TOTAL = 30.0
"""Seconds that an answer may take in all, however lively it drips."""

MOST = 2**22
"""Bytes of an answer: the largest is a Secret of 1 MiB in base64, with an annotation that holds it once more."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_HEARD = ("content-type", "metadata-flavor", "retry-after")
"""Any other header may hold a credential as well: a cookie, a signed location."""
_VALUE = re.compile(r"[ -~]*")


class Answer(msgspec.Struct, frozen=True):
    """What came back: the headers that anybody reads, their names in lower case, and a body, perhaps a credential."""

    status: int
    headers: Mapping[str, str]
    body: Hidden[bytes]


class _CutError(http.client.HTTPException):
    """An answer is no whole one, in our words."""


def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str | Hidden[str]],
    body: Hidden[bytes] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Send one request and return its answer.

    Over TLS it goes through the proxy of the environment (HTTPS_PROXY, NO_PROXY); not so with a `tls` of its own, which
    is the cluster's, nor in the clear, which is this machine's. Transient when there is no answer, or one that asks to
    come again (429, 5xx). ValueError when it would show something hidden to the network, or a header cannot hold its
    value.
    """
    place = urlsplit(url)
    _check(place, headers, body)
    proxy = None if tls else proxies.find(place)
    connection = _connection(place, tls, proxy)
    try:
        answer = _answer(connection, method, place, headers, body)
    except (OSError, http.client.HTTPException) as error:
        answer = _told(error)
    finally:
        connection.close()
    if isinstance(answer, str):  # said out here: the error's own frames hold what was sent
        through = f" through the proxy {proxy.host}" if proxy else ""
        raise Transient(f"{place.netloc} gave no answer{through}: {' '.join(answer.split())}")
    if answer.status in _BUSY:
        raise Transient(f"{place.netloc} answered {answer.status}: it is asked again", _after(answer))
    return answer


def _check(place: SplitResult, headers: Mapping[str, str | Hidden[str]], body: Hidden[bytes] | None) -> None:
    hidden = body is not None or any(isinstance(value, Hidden) for value in headers.values())
    if place.scheme != "https" and hidden and place.hostname not in _LOOPBACK:
        raise ValueError(f"{place.netloc} is spoken to without TLS: no credential is sent there")
    for name, value in headers.items():
        if not _VALUE.fullmatch(_shown(value)):
            raise ValueError(f"what should stand in the header {name} holds signs that no header may have")


def _connection(
    place: SplitResult, tls: ssl.SSLContext | None, proxy: proxies.Proxy | None
) -> http.client.HTTPConnection:
    host = place.hostname or ""
    if place.scheme != "https":
        return http.client.HTTPConnection(host, place.port, timeout=PAUSE)
    context = tls or ssl.create_default_context()
    if proxy is None:
        return http.client.HTTPSConnection(host, place.port, timeout=PAUSE, context=context)
    connection = http.client.HTTPSConnection(proxy.host, proxy.port, timeout=PAUSE, context=context)
    connection.set_tunnel(host, place.port or http.client.HTTPS_PORT, proxy.headers())
    return connection


def _answer(
    connection: http.client.HTTPConnection,
    method: str,
    place: SplitResult,
    headers: Mapping[str, str | Hidden[str]],
    body: Hidden[bytes] | None,
) -> Answer:
    connection.connect()
    end = threading.Timer(TOTAL, socket.socket.shutdown, (connection.sock, socket.SHUT_RDWR))
    end.daemon = True
    end.start()
    try:
        path = f"{place.path or '/'}?{place.query}" if place.query else place.path or "/"
        shown = {name: _shown(value) for name, value in headers.items()}
        connection.request(method, path, body.reveal() if body else None, shown)
        response = connection.getresponse()
        told = {name: value for name in _HEARD if (value := response.getheader(name))}
        data = Hidden(response.read(MOST + 1))
    finally:
        end.cancel()
    if len(data.reveal()) > MOST:
        raise _CutError(f"more than {MOST} bytes")
    if response.length:  # `read` with an amount does not complain
        raise _CutError(f"{response.length} bytes are missing")
    return Answer(response.status, told, data)


def _told(error: OSError | http.client.HTTPException) -> str:
    """Return what went wrong, without what the other side said: it may repeat what it was sent."""
    kind = type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{kind}: CERTIFICATE_VERIFY_FAILED: {error.verify_message}"
    words = str(error) if isinstance(error, _CutError) else getattr(error, "strerror", None)
    return f"{kind}: {words}" if words else kind


def _shown(value: str | Hidden[str]) -> str:
    return value.reveal() if isinstance(value, Hidden) else value


def _after(answer: Answer) -> float | None:
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else None
