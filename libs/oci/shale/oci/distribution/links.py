"""Lists that come in pages: each names the next one in its `Link` (distribution-spec, "Listing Tags")."""

import re
from collections.abc import Iterator

from shale.oci.distribution.answer import Answer
from shale.oci.distribution.repository import Repository
from shale.oci.distribution.transport import Request

_NEXT = re.compile(r'<([^<>]*+)>\s*+;[^,<]*\brel="?next"?')
_MOST = 10_000


def pages(repo: Repository, url: str, accept: str, limit: int) -> Iterator[Answer]:
    """Yield the answers from the first page on, each of at most `limit` bytes. Raises Transient."""
    for _ in range(_MOST):
        answer = repo.client.call(Request("GET", url, {"Accept": accept}), repo.pulling, limit)
        yield answer
        found = following(answer.headers.get("Link", ""))
        if not answer.ok or found is None:
            return
        url = repo.client.lead(answer.url, found)
    raise ValueError(f"{repo.client.host} lists {repo.name} in more than {_MOST} pages")


def following(link: str) -> str | None:
    """Return where a `Link` says that the next page is; None where it names none."""
    found = _NEXT.search(link)
    return found[1] if found else None
