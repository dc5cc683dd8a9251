"""An answer that is here whole: its status, its headers, a bounded body, and what a registry says went wrong."""

from collections.abc import Callable, Mapping
from contextlib import closing

import msgspec

from shale.oci.distribution.transport import Response

_SHOWN = 200
_REFUSALS = frozenset({400, 404, 405})


class Problem(msgspec.Struct, frozen=True):
    """One error of distribution-spec's list ("Error Codes")."""

    code: str = ""
    message: str = ""


class _Problems(msgspec.Struct, frozen=True):
    errors: tuple[Problem, ...] = ()


class EndlessError(ValueError):
    """An answer is larger than any that a registry gives."""


class Answer(msgspec.Struct, frozen=True):
    """`url` is where the answer came from, after redirects; `mask` hides what is said of our credentials."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    url: str
    mask: Callable[[str], str] = str

    def __repr__(self) -> str:
        return f"Answer({self.status})"  # its URL may open an upload, its data may hold a token

    @property
    def ok(self) -> bool:
        """Say whether it is a success (ECR answers 201 where 202 is specified)."""
        return 200 <= self.status < 300  # noqa: PLR2004 (RFC 9110)

    @property
    def page(self) -> bool:
        """Say whether it is for a browser."""
        return self.headers.get("Content-Type", "").lower().startswith(("text/html", "application/xhtml"))

    @property
    def foreign(self) -> bool:
        """Say whether no registry speaks like this: pages, and refusals that say nothing in a registry's words."""
        ours = self.problems or "Docker-Distribution-Api-Version" in self.headers
        return self.page or (not ours and (self.ok or self.status in _REFUSALS))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the registry says went wrong; nothing where it, or a proxy before it, says it otherwise."""
        try:
            return msgspec.json.decode(self.data, type=_Problems, strict=False).errors
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ()

    def says(self, *codes: str) -> bool:
        """Say whether one of the problems has one of these codes."""
        return any(problem.code in codes for problem in self.problems)

    def reason(self) -> str:
        """Return what went wrong, in one short line."""
        told = self.mask("; ".join(f"{one.code} {one.message}".strip() for one in self.problems))
        return f"{self.status} {' '.join(told.split())[:_SHOWN]}".strip()

    def header(self, name: str) -> str:
        """Return a header as it may be told."""
        return self.mask(self.headers.get(name, "nothing"))[:_SHOWN]


def whole(response: Response, limit: int, mask: Callable[[str], str] = str) -> Answer:
    """Read an answer to its end, or as much as is worth it of what is no success.

    Raises Lost when it ends too soon, and EndlessError when it is larger than `limit`.
    """
    held = bytearray()
    with closing(response):
        for block in response.blocks():
            held += block
            if len(held) > limit:
                break
    answer = Answer(response.status, response.headers, bytes(held[:limit]), response.url, mask)
    if len(held) > limit and answer.ok and not answer.page:
        raise EndlessError(f"an answer is larger than {limit} bytes: this is no registry, or not as we know them")
    return answer
