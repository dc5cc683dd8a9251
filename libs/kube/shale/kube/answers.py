"""What an API server's answers amount to: codes become values, and what passes by itself becomes `Transient`. Pure."""

import re
from typing import TypeVar

import msgspec

from shale.contracts.errors import Transient
from shale.kube.resources import Conflict, Invalid, Missing

T = TypeVar("T")

OK = frozenset({200, 201, 202})
GONE = 410
REFUSED = frozenset({400, 413, 422})
"""What no repetition of the same write can mend."""
MISTYPED = "failed to create typed patch object"
"""How an apply is refused whose fields are unknown or of another type: with code 500."""
FORBIDDEN = 403
_ADMISSION = re.compile(r" is forbidden: | denied (the )?request|being terminated")
"""How admission refuses: with the code that also says that we have no right to ask."""
_PASSES = re.compile(r"error looking up service account|status unknown for quota")
"""What a namespace's controllers have not come to yet."""
_NO_RIGHT = re.compile(r'User "[^"]*" cannot [a-z*]+ (resource|path) ')


class Answer(msgspec.Struct, frozen=True):
    """What came back: status code, body, and for how many seconds we were asked to wait."""

    code: int
    body: bytes
    retry_after: float | None = None


class Cause(msgspec.Struct, frozen=True):
    """One thing that is wrong with a write."""

    field: str = ""


class Details(msgspec.Struct, frozen=True):
    """Of what a Status speaks."""

    name: str = ""
    causes: tuple[Cause, ...] = ()

    @property
    def is_stranger(self) -> bool:
        """Whether the object has another uid: an apply is told so as if it were a field like any other."""
        return any(cause.field == "metadata.uid" for cause in self.causes)


class Status(msgspec.Struct, frozen=True):
    """The API server's own words."""

    kind: str = ""
    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details | None = None


def status(body: bytes) -> Status:
    """Parse a Status; what is none becomes its message."""
    try:
        return msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        return Status(message=body[:200].decode(errors="replace"))


def parsed(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw, what: str) -> T:
    """Return what a body holds. Raises Transient: what stands before an API server may answer in its place."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        said = line(bytes(body)[:80].decode(errors="replace"))
        cure = "see what stands between us and the API server"
        raise Transient(f"{what}: the answer is none of an API server ({error}): {said!r}: {cure}") from error


def read(answer: Answer, what: str) -> bytes | Missing:
    """Return the body of an answer to a read. Raises Transient.

    Only a 404 that names the object says that it is missing: while a CRD or an API server comes and goes, its whole
    path is not there for a moment, and who took that for the end of every object would forget them all.
    """
    if answer.code in OK:
        return answer.body
    said = status(answer.body)
    if answer.code == 404 and said.details is not None and said.details.name:  # noqa: PLR2004 (HTTP)
        return Missing(f"{what} is not there")
    raise failure(answer.code, said, what, answer.retry_after)


def written(answer: Answer, what: str) -> bytes | Missing | Conflict | Invalid:
    """Return the body of an answer to a write, or why it was not done. Raises Transient."""
    if answer.code in OK:
        return answer.body
    said = status(answer.body)
    if answer.code == 409 or (said.details is not None and said.details.is_stranger):  # noqa: PLR2004 (HTTP)
        return Conflict(f"{what}: {line(said.message)}: read it again")
    refused = answer.code in REFUSED or (answer.code == 500 and said.message.startswith(MISTYPED))  # noqa: PLR2004 (HTTP)
    return Invalid(line(said.message)) if refused else read(answer, what)


def admitted(answer: Answer, what: str) -> bytes | Missing | Conflict | Invalid:
    """Return what `written` does, and as a value also why the namespace does not let it in. Raises Transient.

    A quota, a limit, a Pod's security level, a webhook or the namespace's own end: no right of ours mends these.
    """
    if answer.code == FORBIDDEN:
        said = line(status(answer.body).message)
        if _ADMISSION.search(said) and not _NO_RIGHT.search(said) and not _PASSES.search(said):
            return Invalid(f"{said}: raise that bound, or let that rule except what Shale makes")
    return written(answer, what)


def failure(code: int, said: Status, what: str, after: float | None = None) -> Transient:
    """Return what any other code means: it passes, or somebody gives us what we lack."""
    cures = {
        401: "our credentials are refused: give the service a valid kubeconfig or account",
        FORBIDDEN: "we are not allowed to: grant it (`shale-blueprint` prints the roles)",
        404: "the kind is not served: kubectl apply -f deploy/crds, by somebody who may",
    }
    cure = "try again" if _PASSES.search(said.message) else cures.get(code, "try again")
    return Transient(f"{what}: the API server answers {code}: {line(said.message)}; {cure}", after)


def line(message: str) -> str:
    """Return a message in one line."""
    return " ".join(message.split())
