"""Blobs of a repository: looked for, read from any byte on through any number of drops, mounted, taken up."""

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlencode

from shale.contracts.errors import Transient
from shale.oci.distribution import challenge
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.patience import BUSY, asked
from shale.oci.distribution.repository import GONE, Repository
from shale.oci.distribution.session import Session
from shale.oci.distribution.transport import PIECE, Lost, Request, Response
from shale.oci.distribution.uploading import BlobUpload
from shale.oci.refusal import Refused
from shale.oci.registry import NoRangesError, Pushed, Upload

_CREATED, _PARTIAL, _WHOLE = 201, 206, 200
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d+/(\d+|\*)")


def size(repo: Repository, digest: str) -> int | None:
    """Return the size of a blob; None when it is not there. Raises Transient."""
    return _size(repo, digest, repo.read("HEAD", f"blobs/{digest}"))


def size_of_any(repo: Repository, digest: str, accept: str) -> int | None:
    """Return the size of a blob or a manifest; None when neither is there. Raises Transient.

    docker-registry 2.8 answers 500 for a manifest whose digest became a blob's since that was asked for: both are asked
    again.
    """

    def once() -> int | None:
        found = _size(repo, digest, repo.look(f"blobs/{digest}"))
        return _size(repo, digest, repo.look(f"manifests/{digest}", accept)) if found is None else found

    return repo.client.tried(once)


def size_of_manifest(repo: Repository, digest: str, accept: str) -> int | None:
    """Return the size of a manifest; None when it is not there. Raises Transient."""
    return _size(repo, digest, repo.read("HEAD", f"manifests/{digest}", accept))


def _size(repo: Repository, digest: str, answer: Answer) -> int | None:
    if answer.status == GONE:
        return None
    length = answer.headers.get("Content-Length", "")
    if not answer.ok or not length.isdecimal():
        raise repo.surprise(f"look for {digest}", answer)
    return int(length)


def read(repo: Repository, digest: str, offset: int, end: int, *, part: bool = False) -> Iterator[bytes]:
    """Yield a blob of `end` bytes from `offset` on, in blocks of at most `BLOCK`; its digest is the caller's to check.

    With `part` it may have more bytes than these, which are not asked for. Raises NoRangesError then, see there.

    A connection that breaks is taken up at its byte; only tries that bring next to nothing count against their number,
    and who stalls in the middle is left alone for a while. Raises Transient.
    """
    failures = 0
    while offset < end:
        before = offset
        try:
            with closing(_from(repo, digest, offset, end, part=part)) as blocks:
                for block in blocks:
                    offset += len(block)
                    yield block
        except Lost as lost:
            brought = offset - before >= PIECE
            failures = 0 if brought else failures + 1
            waits = list(repo.client.bounds.delays())
            if failures > len(waits) or (lost.after or 0.0) > repo.client.bounds.longest:
                raise Transient(f"{lost}, at byte {offset} of {digest}", lost.after) from lost
            stalled = repo.client.bounds.silence if lost.silent and brought else 0.0
            repo.client.pause(max(waits[failures - 1] if failures else stalled, lost.after or 0.0))


def _from(repo: Repository, digest: str, offset: int, end: int, *, part: bool) -> Generator[bytes]:
    """Yield what one answer brings, wherever it begins. Raises Lost; of a part, NoRangesError."""
    headers = {"Range": f"bytes={offset}-{end - 1 if part else ''}"} if offset or part else {}
    with repo.client.open(Request("GET", repo.url(f"blobs/{digest}"), headers), repo.pulling) as response:
        at = _start(repo, response)
        if part and (at != offset or response.length not in {None, end - at}):
            raise NoRangesError(f"{repo.client.host} answers another range than it was asked for")
        if at > offset or response.length not in {None, end - at}:
            raise Lost(f"{repo.client.host} answers another range than it was asked for")
        for block in response.blocks():
            if wanted := block[max(offset - at, 0) : max(end - at, 0)]:
                yield wanted
            at += len(block)
    if at != end:
        raise Lost(f"{repo.client.host} ended a blob at byte {at} of {end}")


def _start(repo: Repository, response: Response) -> int:
    """Return the byte with which an answer begins, by its own word. Raises Lost."""
    if response.status == _WHOLE:
        return 0
    if response.status in BUSY:
        raise Lost(f"{repo.client.host} is busy: {response.status}", asked(response.headers.get("Retry-After")))
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status != _PARTIAL or not found:
        raise Lost(f"{repo.client.host} answers {response.status} to the rest of a blob")
    return int(found[1])


def mount(repo: Repository, digest: str, source: Repository) -> bool:
    """Mount a blob of another repository of the same registry; say whether it is here now. Raises Transient.

    One token for both repositories is asked for; who may not read the other one does not mount from it.
    """
    session = Session(repo)
    query = "?" + urlencode({"mount": digest, "from": source.path})
    try:
        answer = session.start(query, challenge.merge(repo.pushing, source.pulling))
    except Refused:
        return size(repo, digest) is not None
    if answer.status == _CREATED:
        return True
    session.cancel()
    return size(repo, digest) is not None


@contextmanager
def upload(repo: Repository, known: Pushed | None, place: str) -> Generator[Upload]:
    """See `Registry.upload`."""
    taken = BlobUpload(repo, known.digest if known else "", place)
    try:
        yield taken
    finally:
        taken.leave()
