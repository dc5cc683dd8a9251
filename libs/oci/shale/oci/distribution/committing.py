"""The last step of an upload: the PUT that names the blob, tried until it is known to have been heard."""

from collections.abc import Callable, Iterable

from shale.contracts.errors import Transient
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.refusals import too_large
from shale.oci.distribution.repository import GONE, LARGE, Repository
from shale.oci.distribution.session import Session
from shale.oci.distribution.transport import Lost
from shale.oci.refusal import Refused
from shale.oci.registry import Pushed

_CREATED = 201
_OUT_OF_STEP = frozenset({GONE, 416})


class Spoilt(Transient):
    """The upload is of no more use: what was sent has to be sent again."""


class Large(Refused):
    """A body was too large: smaller ones may do."""


class Broken(Transient):
    """A connection broke amid a body that need not go whole: parts may do."""


def whole(session: Session, body: Iterable[memoryview], pushed: Pushed, *, parts: bool = False) -> Pushed:
    """Publish a blob in one body: POST and PUT, both again when the answer was lost. Raises Transient.

    What could go in `parts` as well is not tried again where its connection broke. Raises Broken then.
    """

    def put() -> Answer:
        session.begin()
        try:
            return session.put(pushed.digest, body, pushed.size)
        except Lost as lost:
            if parts and not lost.busy and not there(session.repo, pushed):
                raise Broken(str(lost)) from lost
            raise

    return session.repo.client.tried(lambda: _heard(session.repo, put, pushed, renews=True))


def last(session: Session, pushed: Pushed) -> Pushed:
    """Publish a blob whose bytes all lie in the upload. Raises Transient."""
    repo = session.repo
    return repo.client.tried(lambda: _heard(repo, lambda: session.put(pushed.digest, (), 0), pushed, renews=False))


def judge(repo: Repository, answer: Answer, doing: str) -> None:
    """Raise what an answer means that is no success: Spoilt when the upload is none now, Large, else ValueError."""
    if answer.ok:
        return
    if answer.says("DIGEST_INVALID"):
        raise Spoilt(f"{repo.client.host} holds other bytes than were sent: they are sent again from the start")
    if answer.says("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID") or answer.status in _OUT_OF_STEP:
        raise Spoilt(f"{repo.client.host} lost an upload to {repo.name}: it is sent again from the start")
    if answer.status == LARGE:
        raise Large(too_large(repo.client.host, doing))
    raise repo.surprise(doing, answer)


def _heard(repo: Repository, put: Callable[[], Answer], pushed: Pushed, *, renews: bool) -> Pushed:
    """PUT once, and where that came to nothing look whether the blob is there: somebody else may have pushed it too.

    With `renews` the next try begins an upload of its own, so that it does not matter what became of this one.
    """
    try:
        answer = put()
        judge(repo, answer, "send a blob whole" if renews else "publish a blob")
        _created(repo, answer)
    except (Lost, Spoilt) as failed:
        if there(repo, pushed):
            return pushed
        if isinstance(failed, Spoilt) and renews:
            raise Lost(str(failed)) from failed
        raise
    named = answer.headers.get("Docker-Content-Digest", pushed.digest)
    if named != pushed.digest:
        told = answer.header("Docker-Content-Digest")
        raise ValueError(f"{repo.client.host} published {told} when we pushed {pushed.digest} to {repo.name}")
    return pushed


def _created(repo: Repository, answer: Answer) -> None:
    """Raise Lost for a success that is none in the specification (201): they may publish it later, or never."""
    if answer.status != _CREATED:
        raise Lost(f"{repo.client.host} answers {answer.status} to the end of an upload, and the blob is not there")


def there(repo: Repository, pushed: Pushed) -> bool:
    """Ask whether a blob is there after all: its answer was lost, or somebody else pushed it. Raises Transient."""
    answer = repo.read("HEAD", f"blobs/{pushed.digest}")
    return answer.ok and answer.headers.get("Content-Length") == str(pushed.size)
