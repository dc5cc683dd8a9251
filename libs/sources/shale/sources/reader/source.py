"""A volume that only a node or a claim has, through its reader: `reader://<service>.<namespace>.svc:7077/<claim>/1`."""

import socket
from collections.abc import Callable, Generator, Iterator
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import quote, urlencode

import msgspec

from shale.contracts.errors import Transient
from shale.oci.tarball import Content
from shale.sources.reader import wire
from shale.sources.reader.listed import parsed
from shale.sources.reader.wire import Address, Trouble
from shale.sources.source import BLOCK, Scan, SourceChangedError, UnreadableError, Unscannable, unheard


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
    """One reader, asked over one connection at a time; no redirect is followed. `title` is its user's name."""

    def __init__(self, place: Address, bearer: str, proxy: str = "", title: str = "") -> None:
        self.uri, self.title, self._place, self._proxy = place.uri, title or place.uri, place, proxy
        self._named = f"the reader of {title} at {place.host}:{place.port}" if title else place.uri
        self._bearer = bearer
        self._kept: HTTPConnection | None = None

    def __del__(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def resolve(self) -> str | Unscannable:
        """See `Source.resolve`: a folder cannot be pinned, each of its files carries a version instead."""
        answer = self._asked("")
        return answer if isinstance(answer, Unscannable) else self.uri

    def scan(self, include: str = "", exclude: str = "", alive: Callable[[], None] = unheard) -> Scan | Unscannable:
        """See `Source.scan`: the reader gives a sign of life every second."""
        path = f"/list?{urlencode({'include': include, 'exclude': exclude})}"
        answer = self._asked(path, most=wire.MAX_LISTING, alive=alive)
        return answer if isinstance(answer, Unscannable) else parsed(self._named, answer)

    def open(self, content: Content, offset: int = 0, end: int | None = None) -> Iterator[memoryview]:
        """See `Source.open`; what broke off goes on where it was as long as it gets anywhere."""
        path = f"/files/{quote(content.path)}"
        known = {"If-Match": wire.tag(content.size, content.version)}
        end = content.size if end is None else end
        buffer = memoryview(bytearray(min(BLOCK, max(end - offset, 0))))
        whole = end - offset <= BLOCK
        while offset < end:
            came = offset
            for count in self._blocks(path, known | wire.span(offset, end, content.size), buffer, offset, end):
                offset += count
                yield buffer[:count]
            if offset == came:
                raise Transient(f"{content.path!r} in {self.title} broke off at {offset} of {end} bytes")
        if not whole or not content.size:  # what is one block was checked after it was read, and before it was sent
            self.volume(content)

    def volume(self, content: Content) -> str:
        """See `Source.volume`: one of the reader's claim, whatever it says."""
        headers = {"If-Match": wire.tag(content.size, content.version), "Range": f"bytes={content.size}-"}
        line, answer = self._answer(f"/files/{quote(content.path)}", headers)
        told = answer.getheader(wire.VOLUME)
        if isinstance(checked := self._body(line, answer), Unscannable):
            raise UnreadableError(checked)
        return wire.volume(self._place.claim, told)

    def _blocks(self, path: str, headers: dict[str, str], buffer: memoryview, offset: int, end: int) -> Generator[int]:
        """Fill the buffer again and again until the answer ends, whole or not."""
        line, answer = self._answer(path, headers)
        try:
            if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                raise self._lost(answer.status, answer.read(wire.MAX_WORDS))
            if answer.length != end - offset:
                raise Transient(f"{self._named} promises {answer.length} bytes of {path}, not {end - offset}")
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

    def _asked(
        self,
        below: str,
        *,
        most: int = wire.MAX_WORDS,
        alive: Callable[[], None] = unheard,
    ) -> bytes | Unscannable:
        """Ask for something of a bounded size."""
        line, answer = self._answer(below, {})
        return self._body(line, answer, most, alive)

    def _body(
        self,
        line: HTTPConnection,
        answer: HTTPResponse,
        most: int = wire.MAX_WORDS,
        alive: Callable[[], None] = unheard,
    ) -> bytes | Unscannable:
        """Return what is answered, of a bounded size; its connection may be used again."""
        body, whole = bytearray(), False
        try:
            while piece := self._piece(answer):
                body += piece
                alive()
                if len(body) > most:
                    return Unscannable(
                        "TooManyFiles", f"{self._named} answers with more than {most} bytes: exclude some"
                    )
            whole = True
        finally:
            self._keep(line) if whole else line.close()
        return bytes(body) if answer.status == HTTPStatus.OK else self._refused(answer.status, bytes(body))

    def _piece(self, answer: HTTPResponse) -> bytes:
        """Return the next bytes; none at the end, when its connection may be used again."""
        try:
            return answer.read1(BLOCK) or answer.read()
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error

    def _lost(self, status: int, body: bytes) -> Exception:
        """Return what to raise when a file's bytes are refused."""
        return UnreadableError(self._refused(status, body))

    def _refused(self, status: int, body: bytes) -> Unscannable:
        """Say what a refusal means: a value, or raised."""
        try:
            trouble = msgspec.json.decode(body, type=Trouble)
        except (msgspec.MsgspecError, RecursionError):
            trouble = Trouble(f"no reason is given (HTTP {status})")
        why = trouble.message[: wire.MAX_WORDS]
        match status:
            case HTTPStatus.UNPROCESSABLE_ENTITY:
                return Unscannable(trouble.reason[:64] or "Unreadable", why)
            case HTTPStatus.PRECONDITION_FAILED:
                raise SourceChangedError(why)
            case HTTPStatus.UNAUTHORIZED:
                cure = "have storage-provisioner and builder-sync the same key?"
                raise Transient(f"{self._named} does not know our token: {cure}")
            case _:
                raise Transient(f"{self._named} answers {status}: {why}")

    def _answer(self, below: str, headers: dict[str, str]) -> tuple[HTTPConnection, HTTPResponse]:
        """Ask over the kept connection, which may be gone by now, else over a new one."""
        kept, self._kept = self._kept, None
        for line in (*([kept] if kept else []), self._connection()):
            try:
                line.request(
                    "GET", self._place.path + below, headers={"Authorization": f"Bearer {self._bearer}", **headers}
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
        return Transient(f"{self._named} cannot be reached: {why}")


def open_reader(uri: str, readers: Readers, title: str = "") -> Reader | Unscannable:
    """Return the source behind a reader's URI."""
    place = wire.address(uri)
    if place is None:
        return Unscannable("UnknownSource", f"{uri} is no reader's address")
    if len(readers.key) < wire.KEY_BYTES:
        raise Transient(
            f"{title or uri} cannot be read without the pool's key: set SHALE_READER_KEY_FILE for builder-sync"
        )
    return Reader(place, wire.token(readers.key, place.claim, place.generation), readers.proxy, title)
