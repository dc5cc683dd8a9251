"""Who is answered while the body is still on its way reads that answer, sends no more, and goes on from there."""

import re
import select
import socket
import ssl
from contextlib import closing, nullcontext, suppress
from threading import Thread

import msgspec
import pytest

from shale.oci import digest
from shale.oci.distribution.credentials import Login
from shale.oci.distribution.options import Options
from shale.oci.distribution.registry import Distribution
from shale.oci.profiles import DISTRIBUTION, GHCR
from shale.oci.refusal import Refused
from shale.oci.registry import Pushed, push
from shale.testkit.registries import PATIENCE, known

REPO = "team/resnet"
MiB = 2**20
SIZE = 64 * MiB
PUSHED = Pushed(digest.of(bytes(SIZE)), SIZE)
HELD = 32 * MiB
"""More than two sockets hold of what nobody reads."""


class Zeros:
    """A body that counts how much is read of it."""

    size = SIZE

    def __init__(self):
        self.read = 0
        self._block = memoryview(bytes(MiB))

    def blocks(self, offset=0):
        for _ in range((SIZE - offset) // MiB):
            self.read += MiB
            yield self._block


class Hasty:
    """A registry that answers some requests when it knows their head, and reads no byte of their bodies.

    Then it breaks off half a second later, as Go's do, or `stays` until the other side is gone.
    """

    def __init__(self, certificate=None):
        self.early, self.stays = {}, False
        self.seen: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._context and certificate:
            self._context.load_cert_chain(certificate.certificate, certificate.key)
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self):
        Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _listen(self):
        with suppress(OSError):
            while True:
                Thread(target=self._serve, args=self._listening.accept()[:1], daemon=True).start()

    def _serve(self, plain):
        with suppress(OSError), plain:
            plain.settimeout(30)
            with self._context.wrap_socket(plain, server_side=True) if self._context else nullcontext(plain) as there:
                while self._answer(there):
                    pass

    def _answer(self, there):
        """Answer one request; say whether another may come."""
        head = b""
        while not head.endswith(b"\r\n\r\n") and (more := there.recv(1)):
            head += more
        if not head:
            return False
        method, size = head.split()[0].decode(), int((re.findall(rb"Content-Length: (\d+)", head) or [0])[0])
        early = self.early.get(method, lambda _: "")(size)
        self.seen.append(f"{method} {early[:3]}".strip())
        while size and not early:
            size -= len(there.recv(min(size, MiB)))
        there.sendall(f"HTTP/1.1 {early or USUAL[method]}\r\nContent-Length: 0\r\n\r\n".encode())
        if early:
            gone = select.poll()
            gone.register(there, select.POLLRDHUP)
            if not self.stays:
                socket.socket.shutdown(there, socket.SHUT_WR)
            gone.poll(60_000 if self.stays else 500)
        return not early


PLACE = "202 Accepted\r\nLocation: /v2/upload/1"
NONE = "404 Not Found"
USUAL = {"POST": PLACE, "PATCH": PLACE, "PUT": "201 Created", "DELETE": "204 No Content", "HEAD": NONE, "GET": NONE}
TOO_LARGE, NOBODY = "413 Too Large", '401 Who\r\nWWW-Authenticate: Basic realm="x"'


@pytest.fixture(params=["breaks off", "stays", "breaks off in TLS", "stays in TLS"])
def hasty(request, park):
    tls = "TLS" in request.param
    with Hasty(park.certificate if tls else None) as server:
        server.stays = "stays" in request.param
        yield server


def door(hasty, park, profile=DISTRIBUTION, credentials=None):
    options = Options(credentials or known(None), hasty.host, ca=park.certificate.pem, patience=PATIENCE)
    profile = msgspec.structs.replace(profile, api="", counts=False)
    return closing(Distribution(msgspec.structs.replace(options, profile=lambda _: profile)))


def test_a_part_that_is_too_large_is_sent_smaller(hasty, park):
    hasty.early["PATCH"] = lambda size: TOO_LARGE if size > 16 * MiB else ""
    body = Zeros()
    with door(hasty, park) as registry:
        assert push(registry, REPO, body) == PUSHED
    assert hasty.seen == ["GET", "POST", *["PATCH 413"] * 2, *["PATCH"] * 4, "HEAD", "PUT"]
    assert body.read <= SIZE + 2 * HELD


def test_who_has_to_prove_who_it_is_does_and_sends_it_again(hasty, park):
    def credentials(host, *, again):
        return Login("ann", f"{host}{again}")

    answers = [NOBODY, ""]
    hasty.early["PATCH"] = lambda size: answers.pop(0) if size else ""
    body = Zeros()
    with door(hasty, park, credentials=credentials) as registry:
        assert push(registry, REPO, body) == PUSHED
    assert hasty.seen == ["GET", "POST", "PATCH 401", "PATCH", "HEAD", "PUT"]
    assert body.read <= SIZE + HELD


@pytest.mark.parametrize("known_digest", [PUSHED, None], ids=["known", "not known"])
def test_a_whole_blob_that_is_too_large_is_not_sent_to_its_end(hasty, park, known_digest):
    hasty.early |= dict.fromkeys(("PATCH", "PUT"), lambda size: TOO_LARGE if size else "")
    body = Zeros()
    with (
        door(hasty, park, GHCR) as registry,
        pytest.raises(Refused, match="answers 413 when we send a blob whole"),
        registry.upload(REPO, known_digest) as upload,
    ):
        upload.send(body)
    assert hasty.seen == ["GET", "POST", "PUT 413" if known_digest else "PATCH 413", "DELETE"]
    assert body.read <= HELD


def test_a_busy_registry_is_sent_the_part_again(hasty, park):
    answers = ["503 Busy", "503 Busy", ""]
    hasty.early["PATCH"] = lambda size: answers.pop(0) if size else ""
    body = Zeros()
    with door(hasty, park) as registry:
        assert push(registry, REPO, body) == PUSHED
    assert hasty.seen == ["GET", "POST", "PATCH 503", "PATCH 503", "PATCH", "HEAD", "PUT"]
    assert body.read <= SIZE + 2 * HELD
