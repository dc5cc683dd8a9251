"""Lists that come in pages: each names the next one in its `Link` (distribution-spec, "Listing Tags")."""

import re
from collections.abc import Iterator

from shale.oci.distribution.answer import Answer
from shale.oci.distribution.refusals import no_registry
from shale.oci.distribution.repository import Repository
from shale.oci.distribution.transport import Request
from shale.oci.refusal import Refused

_NEXT = re.compile(r'<([^<>]*+)>\s*+;[^,<]*\brel="?next"?')
_MOST = 1000
_MOST_BYTES = 2**24  # of all pages: who keeps what they say holds a few times as much


def pages(repo: Repository, url: str, accept: str, limit: int) -> Iterator[Answer]:
    """Yield the answers from the first page on, each of at most `limit` bytes. Raises Transient (Refused too)."""
    size = 0
    for _ in range(_MOST):
        answer = repo.client.call(Request("GET", url, {"Accept": accept}), repo.pulling, limit)
        size += len(answer.data)
        if size > _MOST_BYTES:
            raise Refused(no_registry(repo.client.host, f"lists {repo.name} in more than {_MOST_BYTES} bytes"))
        yield answer
        found = following(answer.headers.get("Link", ""))
        if not answer.ok or found is None:
            return
        url = repo.client.lead(answer.url, found)
    raise Refused(no_registry(repo.client.host, f"lists {repo.name} in more than {_MOST} pages"))


def following(link: str) -> str | None:
    """Return where a `Link` says that the next page is; None where it names none."""
    found = _NEXT.search(link)
    return found[1] if found else None
