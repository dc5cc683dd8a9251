"""The reader's own side: one folder of a mounted volume, listed and read over plain HTTP by whoever has the token.

GET <claim>/<generation>            whether the folder is there
GET .../list?include=&exclude=      the listing, by the rules of every folder
GET .../files/<path>                bytes from `Range` on of the file that `If-Match` names; 412 when it changed
GET /live, /ready                   for a kubelet: no token, no bytes
"""

from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from shale.contracts.errors import Transient
from shale.oci.tarball import Content
from shale.sources.filesystem import FileSystem
from shale.sources.reader import wire
from shale.sources.reader.body import Body
from shale.sources.reader.lines import Lines
from shale.sources.reader.listed import Listed
from shale.sources.reader.volume import Volume
from shale.sources.reader.wire import Trouble
from shale.sources.source import SourceChangedError, UnreadableError, Unscannable


class Serving(Protocol):
    """What a connection needs of its server."""

    volume: Volume

    lines: Lines

    def begins(self) -> bool:
        """Count a request; False when there are as many as may be."""
        ...

    def ends(self) -> None:
        """Count it out."""
        ...


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "shale-reader", ""
    timeout = wire.QUIET
    disable_nagle_algorithm = True  # head and body are two writes: together they took 44 ms, and 0.3 ms apart
    server: Serving  # pyright: ignore[reportIncompatibleVariableOverride]
    rfile: BufferedReader  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle(self) -> None:
        """Answer one request after the other."""
        within = wire.HEAD
        while self._begins(within):
            self.close_connection = True
            self.handle_one_request()
            if self.close_connection:
                break
            within = wire.QUIET

    def _begins(self, within: float) -> bool:
        """Wait for a request's first byte; False when none comes. The others have their time as well."""
        self.server.lines.waits(self.connection, within)
        try:
            begun = self.rfile.peek(1)
        except OSError:
            return False
        self.server.lines.waits(self.connection, wire.HEAD)
        return bool(begun)

    def do_GET(self) -> None:
        """Answer one request; let nobody see even which paths there are without the token."""
        self.server.lines.leaves(self.connection)
        path = urlsplit(self.path).path
        if path == "/live":
            self._say(HTTPStatus.OK, b"ok\n")
        elif path == "/ready":
            self._ready()
        elif not self._may():
            self._trouble(HTTPStatus.UNAUTHORIZED, "this reader does not know the token")
        elif not self.server.begins():
            self._trouble(HTTPStatus.SERVICE_UNAVAILABLE, f"this reader answers {wire.ASKERS} others: come again")
        else:
            try:
                self._guarded(path)
            finally:
                self.server.ends()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 (as http.server has it)
        """Keep no log of requests: their paths are a user's."""

    def _may(self) -> bool:
        kind, _, bearer = self.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "bearer" and wire.proves(bearer.strip(), self.server.volume.proof)

    def _guarded(self, path: str) -> None:
        below = path.removeprefix(self.server.volume.path)
        if below == path or (below and not below.startswith("/")):
            return self._trouble(HTTPStatus.NOT_FOUND, f"this reader serves {self.server.volume.path}")
        try:
            return self._serve(below.strip("/") if below in {"", "/"} else below[1:])
        except UnreadableError as error:
            return self._unscannable(error.why)
        except SourceChangedError as error:
            return self._trouble(HTTPStatus.PRECONDITION_FAILED, str(error))
        except Transient as error:
            return self._trouble(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except ValueError as error:
            return self._trouble(HTTPStatus.BAD_REQUEST, str(error))

    def _serve(self, what: str) -> None:
        source = self.server.volume.open()
        if isinstance(source, Unscannable):
            return self._unscannable(source)
        if what.startswith("files/"):
            return self._file(source, unquote(what.removeprefix("files/"), errors="strict"))
        match what:
            case "":
                found = source.resolve()
                return self._unscannable(found) if isinstance(found, Unscannable) else self._say(HTTPStatus.OK, b"")
            case "list":
                return self._list(source)
            case _:
                return self._trouble(HTTPStatus.NOT_FOUND, "ask for list or files/<path>")

    def _list(self, source: FileSystem) -> None:
        """Answer with signs of life while the folder is walked, and then with what came of it."""
        asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        body = Body(self.wfile)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            scan = source.scan(asked.get("include", [""])[0], asked.get("exclude", [""])[0], body.alive)
        except Transient as error:
            scan = Trouble(str(error))
        if isinstance(scan, Unscannable):
            scan = Trouble(scan.message, scan.reason)
        told = Listed(trouble=scan) if isinstance(scan, Trouble) else Listed(scan=scan)
        if len(data := msgspec.json.encode(told)) > wire.MAX_LISTING:
            why = (
                f"{source.title} holds names of more than {wire.MAX_LISTING} bytes: exclude what serving does not need"
            )
            data = msgspec.json.encode(Listed(trouble=Trouble(why, "TooManyFiles")))
        body.end(data)

    def _file(self, source: FileSystem, path: str) -> None:
        meant = wire.untag(self.headers.get("If-Match", ""))
        if meant is None:
            return self._trouble(HTTPStatus.PRECONDITION_REQUIRED, "say by If-Match which version you were told of")
        size, version = meant
        start = _start(self.headers.get("Range"), size)
        if start is None:
            return self._trouble(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"give Range as bytes=<0 to {size}>-")
        content = Content(path, size, version)
        if start == size:
            return self._check(source, content)
        return self._send(source.open(content, start), content, start)

    def _check(self, source: FileSystem, content: Content) -> None:
        """Answer who asks for nothing but the check."""
        volume = source.volume(content)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        if volume:
            self.send_header(wire.VOLUME, volume)
        self.end_headers()

    def _send(self, blocks: Iterator[memoryview], content: Content, start: int) -> None:
        """Check, and read the first block, before anything is promised; later trouble cuts the answer short."""
        first = next(blocks, None)
        if first is not None and len(first) == content.size - start:
            next(blocks, None)  # a file of one block is checked afterwards too before any of it goes out
        if first is None:
            raise SourceChangedError(f"{content.path!r} gives nothing: try again when nobody writes there")
        self.send_response(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK)
        self.send_header("Content-Length", str(content.size - start))
        self.send_header("ETag", wire.tag(content.size, content.version))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{content.size - 1}/{content.size}")
        self.end_headers()
        try:
            self.wfile.write(first)
            for block in blocks:
                self.wfile.write(block)
        except (SourceChangedError, UnreadableError, Transient, OSError):
            self.close_connection = True  # less than was promised: the asker asks again, and is told why

    def _ready(self) -> None:
        try:
            missing = self.server.volume.missing()
        except Transient as error:
            missing = Unscannable("Transient", str(error))
        if missing is None:
            return self._say(HTTPStatus.OK, b"ok\n")
        return self._say(HTTPStatus.SERVICE_UNAVAILABLE, missing.message.encode())

    def _unscannable(self, found: Unscannable) -> None:
        self._trouble(HTTPStatus.UNPROCESSABLE_ENTITY, found.message, found.reason)

    def _trouble(self, status: HTTPStatus, message: str, reason: str = "") -> None:
        self._say(status, msgspec.json.encode(Trouble(message, reason)), "application/json")

    def _say(self, status: HTTPStatus, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _start(asked: str | None, size: int) -> int | None:
    """Return where a file is to be read from; None when that is nothing that we serve."""
    if asked is None:
        return 0
    first = asked.removeprefix("bytes=").removesuffix("-")
    return int(first) if first.isdecimal() and f"bytes={first}-" == asked and int(first) <= size else None
