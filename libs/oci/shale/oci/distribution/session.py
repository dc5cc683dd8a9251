"""One upload as the registry knows it: begun by POST, grown by PATCH, ended by PUT or DELETE, looked at by GET."""

import re
from collections.abc import Iterable
from contextlib import suppress

from shale.contracts.errors import Transient
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.challenge import Scopes
from shale.oci.distribution.refusals import denied, not_found
from shale.oci.distribution.repository import Repository
from shale.oci.distribution.transport import Lost, Request
from shale.oci.refusal import Refused

_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")
_OCTETS = {"Content-Type": "application/octet-stream"}
_EMPTY = {"Content-Length": "0"}
_CANCELS = 10.0  # seconds that nobody waits longer for, who leaves


class Session:
    """`url` is where the upload stands now: it changes with each answer, and opens the upload to who reads it."""

    def __init__(self, repo: Repository, url: str = "") -> None:
        self.repo, self.url = repo, url
        self.minimum = 0
        """The fewest bytes of a part that is not the last (`OCI-Chunk-Min-Length`)."""
        self.alone = False
        """Whether the connection of a part ends with it, so that the next one begins another."""

    def begin(self) -> None:
        """Begin a new upload in the place of any other. Raises Transient."""
        answer = self.start("", self.repo.pushing)
        if answer.ok and self.url:
            return
        if answer.ok or answer.foreign:
            raise self.repo.surprise("begin an upload", answer)
        raise Refused(denied(self.repo.client.host, answer.reason()))

    def start(self, query: str, scopes: Scopes) -> Answer:
        """POST: begin an upload, or mount a blob in its place. Raises Transient; Refused where no repository is."""
        self.url = ""
        request = Request("POST", self.repo.url("blobs/uploads/") + query, _EMPTY, b"")
        answer = self.repo.client.call(request, scopes)
        if self.repo.absent(answer):
            raise Refused(not_found(self.repo.name, self.repo.profile.cure))
        self.minimum = 0
        return self._moved(answer)

    def patch(self, part: Iterable[memoryview], start: int, end: int) -> Answer:
        """Send the bytes from `start` to `end` as one part. Raises Lost, Refused."""
        span = {"Content-Range": f"{start}-{end - 1}", "Content-Length": str(end - start)}
        alone = {"Connection": "close"} if self.alone else {}
        return self._sent(Request("PATCH", self.url, _OCTETS | span | alone, part))

    def stream(self, body: Iterable[memoryview], size: int) -> Answer:
        """Send all bytes in one request that is no part, as skopeo does. Raises Lost, Refused."""
        headers = _OCTETS | {"Content-Length": str(size)}
        return self._sent(Request("PATCH", self.url, headers, body, self.repo.client.bounds.commit))

    def put(self, digest: str, body: Iterable[memoryview], size: int) -> Answer:
        """Publish the blob; `body` are its last bytes, or all. Raises Lost, Refused."""
        url = f"{self.url}{'&' if '?' in self.url else '?'}digest={digest}"
        headers = _OCTETS | {"Content-Length": str(size)}
        request = Request("PUT", url, headers, body, self.repo.client.bounds.commit)
        return self.repo.client.once(request, self.repo.pushing)

    def held(self) -> int | None:
        """Ask how many bytes the registry holds; None when the upload is none any more. Raises Transient."""
        answer = self.repo.client.call(Request("GET", self.url), self.repo.pushing)
        return counted(self._moved(answer)) if answer.ok else None

    def cancel(self) -> None:
        """Let the registry forget the upload; where it does not, it purges it some day."""
        if self.url:
            read = min(_CANCELS, self.repo.client.bounds.read)
            with suppress(Lost, Transient):
                self.repo.client.once(Request("DELETE", self.url, _EMPTY, None, read, leaving=True), self.repo.pushing)
            self.url = ""

    def _sent(self, request: Request) -> Answer:
        return self._moved(self.repo.client.once(request, self.repo.pushing))

    def _moved(self, answer: Answer) -> Answer:
        if least := _number(answer.headers.get("OCI-Chunk-Min-Length", "")):
            self.minimum = least  # also of an upload that another worker began
        if answer.ok and (location := answer.headers.get("Location")):
            self.url = self.repo.client.lead(answer.url, location)
        return answer


def counted(answer: Answer) -> int | None:
    """Return how many bytes a registry says it holds; docker-registry 2.8 says `0-0` for none."""
    found = _RANGE.fullmatch(answer.headers.get("Range", ""))
    last = int(found[1]) if found else None
    return last and last + 1


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else 0  # noqa: PLR2004 (as many digits as a size may have)
