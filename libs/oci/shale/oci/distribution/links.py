"""Lists that come in pages: each names the next one in its `Link` (distribution-spec, "Listing Tags")."""

import re
from collections.abc import Iterator

from shale.oci.distribution.answer import Answer
from shale.oci.distribution.repository import Repository
from shale.oci.distribution.transport import Request

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
_MOST = 10_000


def pages(repo: Repository, url: str, accept: str, limit: int) -> Iterator[Answer]:
    """Yield the answers from the first page on, each of at most `limit` bytes. Raises Transient."""
    for _ in range(_MOST):
        answer = repo.client.call(Request("GET", url, {"Accept": accept}), repo.pulling, limit)
        yield answer
        found = _NEXT.search(answer.headers.get("Link", ""))
        if not answer.ok or not found:
            return
        url = repo.client.lead(answer.url, found[1])
    raise ValueError(f"{repo.client.host} lists {repo.name} in more than {_MOST} pages")
