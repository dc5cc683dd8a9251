"""An answer that is here whole: its status, its headers, a bounded body, and what a registry says went wrong."""

from collections.abc import Mapping
from contextlib import closing

import msgspec

from shale.oci.distribution.transport import Response

_SHOWN = 200


class Problem(msgspec.Struct, frozen=True):
    """One error of distribution-spec's list ("Error Codes")."""

    code: str = ""
    message: str = ""


class _Problems(msgspec.Struct, frozen=True):
    errors: tuple[Problem, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """`url` is where the answer came from, after redirects."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    url: str

    @property
    def ok(self) -> bool:
        """Say whether it is a success (ECR answers 201 where 202 is specified)."""
        return 200 <= self.status < 300  # noqa: PLR2004 (RFC 9110)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the registry says went wrong; nothing where it, or a proxy before it, says it otherwise."""
        try:
            return msgspec.json.decode(self.data, type=_Problems, strict=False).errors
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()

    def says(self, *codes: str) -> bool:
        """Say whether one of the problems has one of these codes."""
        return any(problem.code in codes for problem in self.problems)

    def reason(self) -> str:
        """Return what went wrong, in one short line."""
        told = "; ".join(f"{one.code} {one.message}".strip() for one in self.problems)
        return f"{self.status} {' '.join(told.split())[:_SHOWN]}".strip()


def whole(response: Response, limit: int) -> Answer:
    """Read an answer to its end. Raises Lost when it ends too soon, and ValueError when it is larger than `limit`."""
    held = bytearray()
    with closing(response):
        for block in response.blocks():
            held += block
            if len(held) > limit:
                raise ValueError(f"an answer is larger than {limit} bytes: this is no registry, or not as we know them")
    return Answer(response.status, response.headers, bytes(held), response.url)
