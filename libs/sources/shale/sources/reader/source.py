"""A volume that only a node or a claim has, through its reader: `reader://<service>.<namespace>.svc:7077/<claim>/1`."""

import socket
from collections.abc import Generator, Iterator
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from shale.contracts.errors import Transient
from shale.oci.tarball import Content
from shale.sources.reader import wire
from shale.sources.reader.listed import parsed
from shale.sources.reader.wire import Address, Trouble
from shale.sources.source import BLOCK, Scan, SourceChangedError, Unscannable

_MAX_WORDS = 4096


class Readers(msgspec.Struct, frozen=True):
    """How readers are asked: the pool's `key`, of which each reader's token is made.

    With a `proxy` (host:port) they are reached by CONNECT through it, from outside of a cluster's network.
    """

    key: bytes = b""
    proxy: str = ""

    def __repr__(self) -> str:
        """Show no key."""
        return f"Readers(proxy={self.proxy!r})"


class Reader:
    """One reader, asked over one connection at a time; no redirect is followed."""

    def __init__(self, place: Address, bearer: str, proxy: str = "") -> None:
        self.uri, self._place, self._proxy = place.uri, place, proxy
        self._bearer = bearer
        self._kept: HTTPConnection | None = None

    def __del__(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def resolve(self) -> str | Unscannable:
        """See `Source.resolve`: a folder cannot be pinned, each of its files carries a version instead."""
        answer = self._asked("GET", "")
        return answer if isinstance(answer, Unscannable) else self.uri

    def scan(self, include: str = "", exclude: str = "") -> Scan | Unscannable:
        """See `Source.scan`."""
        answer = self._asked("GET", f"/list?{urlencode({'include': include, 'exclude': exclude})}", wire.MAX_LISTING)
        return answer if isinstance(answer, Unscannable) else parsed(self.uri, answer)

    def open(self, content: Content, offset: int = 0) -> Iterator[memoryview]:
        """See `Source.open`; what broke off goes on where it was as long as it gets anywhere."""
        path = f"/files/{quote(content.path)}"
        known = {"If-Match": wire.tag(content.size, content.version)}
        buffer = memoryview(bytearray(min(BLOCK, max(content.size - offset, 0))))
        whole, end = content.size - offset <= BLOCK, content.size
        while offset < end:
            came = offset
            for count in self._blocks(
                path, known | ({"Range": f"bytes={offset}-"} if offset else {}), buffer, offset, end
            ):
                offset += count
                yield buffer[:count]
            if offset == came:
                raise Transient(f"{content.path!r} in {self.uri} broke off at {offset} of {end} bytes")
        if not whole or not content.size:  # what is one block was checked after it was read, and before it was sent
            checked = self._asked("GET", path, headers=known | {"Range": f"bytes={end}-"})
            if isinstance(checked, Unscannable):
                raise SourceChangedError(checked.message)

    def _blocks(self, path: str, headers: dict[str, str], buffer: memoryview, offset: int, end: int) -> Generator[int]:
        """Fill the buffer again and again until the answer ends, whole or not."""
        line, answer = self._answer("GET", path, headers)
        try:
            if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                raise self._lost(answer.status, answer.read(_MAX_WORDS))
            if answer.length != end - offset:
                raise Transient(f"{self.uri} promises {answer.length} bytes of {path}, not {end - offset}")
            while offset < end:
                try:
                    count = answer.readinto(buffer[: end - offset])
                except (OSError, HTTPException):
                    return
                if not count:
                    return
                offset += count
                yield count
            self._keep(line)
            line = None
        finally:
            if line is not None:
                line.close()

    def _asked(self, method: str, below: str, most: int = _MAX_WORDS, headers: Any = None) -> bytes | Unscannable:  # noqa: ANN401 (a mapping or none)
        """Ask for something small."""
        line, answer = self._answer(method, below, headers or {})
        try:
            body = answer.read(most + 1)
        except (OSError, HTTPException) as error:
            line.close()
            raise self._unreachable(error) from error
        if len(body) > most:
            line.close()
            return Unscannable("TooManyFiles", f"{self.uri} answers with more than {most} bytes: exclude some of it")
        self._keep(line)
        return body if answer.status == HTTPStatus.OK else self._refused(answer.status, body)

    def _lost(self, status: int, body: bytes) -> Exception:
        """Return what to raise when a file's bytes are refused; a folder that cannot be read any more changed, too."""
        refused = self._refused(status, body)
        return SourceChangedError(refused.message)

    def _refused(self, status: int, body: bytes) -> Unscannable:
        """Say what a refusal means: a value, or raised."""
        try:
            trouble = msgspec.json.decode(body, type=Trouble)
        except msgspec.MsgspecError:
            trouble = Trouble(f"no reason is given (HTTP {status})")
        why = trouble.message[:_MAX_WORDS]
        match status:
            case HTTPStatus.UNPROCESSABLE_ENTITY:
                return Unscannable(trouble.reason[:64] or "Unreadable", why)
            case HTTPStatus.PRECONDITION_FAILED:
                raise SourceChangedError(why)
            case HTTPStatus.UNAUTHORIZED:
                cure = "have storage-provisioner and builder-sync the same key?"
                raise Transient(f"{self.uri} does not know our token: {cure}")
            case _:
                raise Transient(f"{self.uri} answers {status}: {why}")

    def _answer(self, method: str, below: str, headers: dict[str, str]) -> tuple[HTTPConnection, HTTPResponse]:
        """Ask over the kept connection, which may be gone by now, else over a new one."""
        kept, self._kept = self._kept, None
        for line in (*([kept] if kept else []), self._connection()):
            try:
                line.request(
                    method, self._place.path + below, headers={"Authorization": f"Bearer {self._bearer}", **headers}
                )
                return line, line.getresponse()
            except (OSError, HTTPException) as error:
                line.close()
                if line is not kept:
                    raise self._unreachable(error) from error
        raise AssertionError("unreachable")

    def _connection(self) -> HTTPConnection:
        if not self._proxy:
            return HTTPConnection(self._place.host, self._place.port, timeout=wire.QUIET)
        host, _, port = self._proxy.rpartition(":")
        line = HTTPConnection(host, int(port), timeout=wire.QUIET)
        line.set_tunnel(self._place.host, self._place.port)
        return line

    def _keep(self, line: HTTPConnection) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = line

    def _unreachable(self, error: Exception) -> Transient:
        why = str(error) or type(error).__name__
        if isinstance(error, socket.gaierror):
            why = f"{self._place.host} has no address"
        return Transient(f"{self.uri} cannot be reached: {why}")


def open_reader(uri: str, readers: Readers) -> Reader | Unscannable:
    """Return the source behind a reader's URI."""
    place = wire.address(uri)
    if place is None:
        return Unscannable("UnknownSource", f"{uri} is no reader's address")
    if len(readers.key) < wire.KEY_BYTES:
        raise Transient(f"{uri} cannot be read without the pool's key: set SHALE_READER_KEY_FILE for builder-sync")
    return Reader(place, wire.token(readers.key, place.claim, place.generation), readers.proxy)
