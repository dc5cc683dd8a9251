"""A registry that takes every blob and keeps none: what is measured before it is the packer alone.

An upload that broke off goes on behind the last byte that came, as the specification has it; docker-registry 2.8 lets
go of such an upload.

`python -m shale.testkit.bench.sink` serves on 127.0.0.1, says its port in one line, and ends with its standard input.
It believes the digests that it is told.
"""

import re
import subprocess
import sys
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

BUFFER = 1 << 20
_PATH = re.compile(r"/v2/(?P<repo>.+?)/(?P<what>blobs/uploads|blobs|manifests|tags|referrers)(?:/(?P<name>[^/]*))?/?")


class Shelf(ThreadingHTTPServer):
    """What it was told of: blobs by their sizes, manifests whole, uploads by how far they are."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], int] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.uploads: dict[str, int] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who broke off is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Shelf  # pyright: ignore[reportIncompatibleVariableOverride]

    def _serve(self) -> None:
        found = _PATH.fullmatch(urlsplit(self.path).path)
        if found is None:
            self._answer(200 if self.path.startswith("/v2") else 404)
            return
        match found["what"]:
            case "blobs/uploads":
                self._upload(found["repo"], found["name"] or "")
            case "blobs":
                size = self.server.blobs.get((found["repo"], found["name"]))
                self._answer(404) if size is None or self.command != "HEAD" else self._answer(200, size=size)
            case "manifests":
                self._manifest(found["repo"], found["name"])
            case _:
                self._answer(404)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 (the names they have there)

    def _upload(self, repo: str, name: str) -> None:
        url = urlsplit(self.path)
        if self.command == "POST":
            name = uuid4().hex
            self.server.uploads[name] = 0
        if name not in self.server.uploads or not self._drained(name):
            self.close_connection = True
            self._answer(416 if name in self.server.uploads else 404)
            return
        at, digest = self.server.uploads[name], parse_qs(url.query).get("digest", [""])[0]
        headers = {"Location": f"/v2/{repo}/blobs/uploads/{name}", "Range": f"0-{max(0, at - 1)}"}
        match self.command:
            case "PUT" | "POST" if digest:
                self.server.blobs[repo, digest] = self.server.uploads.pop(name)
                self._answer(201, {"Location": f"/v2/{repo}/blobs/{digest}", "Docker-Content-Digest": digest})
            case "DELETE":
                del self.server.uploads[name]
                self._answer(204)
            case _:
                self._answer(204 if self.command == "GET" else 202, headers)

    def _manifest(self, repo: str, name: str) -> None:
        held = self.server.manifests
        if self.command == "PUT":
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            digest = f"sha256:{sha256(body).hexdigest()}"
            held[repo, digest] = held[repo, name] = (self.headers.get("Content-Type", ""), body)
            self._answer(201, {"Docker-Content-Digest": digest})
            return
        media_type, body = held.get((repo, name), ("", b""))
        if not body:
            self._answer(404)
            return
        digest = f"sha256:{sha256(body).hexdigest()}"
        self._answer(200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, body)

    def _drained(self, name: str) -> bool:
        """Read the body, count it and forget it; False when it does not go on where the upload is."""
        left = int(self.headers.get("Content-Length") or 0)
        start = self.headers.get("Content-Range", "").partition("-")[0]
        if start.isdigit() and int(start) != self.server.uploads[name]:
            return False
        buffer = memoryview(bytearray(min(BUFFER, left)))
        while left:
            count = self.rfile.readinto1(buffer[:left])  # pyright: ignore[reportAttributeAccessIssue]
            if not count:
                raise ConnectionResetError
            self.server.uploads[name] += count
            left -= count
        return True

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"", size: int = 0) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(size or len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name it has there)
        """Say nothing."""


class Sink:
    """The sink as a process of its own, while it is entered."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.host = ""

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid if self._process else 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "shale.testkit.bench.sink"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.host = f"127.0.0.1:{self._process.stdout.readline().strip()}" if self._process.stdout else ""
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=30)


def main() -> None:
    """Serve until standard input ends: whoever started it is gone then."""
    shelf = Shelf()
    threading.Thread(target=shelf.serve_forever, daemon=True).start()
    sys.stdout.write(f"{shelf.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
