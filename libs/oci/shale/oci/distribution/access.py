"""What keeps us from a repository, found out by asking it."""

from collections.abc import Callable

from shale.oci.distribution.answer import EndlessError
from shale.oci.distribution.refusals import no_registry, not_found
from shale.oci.distribution.repository import GONE, Repository
from shale.oci.distribution.session import Session
from shale.oci.refusal import NoAccess, Refused


def check(host: str, find: Callable[[], Repository], *, push: bool) -> NoAccess | None:
    """See `Registry.check`. Raises Transient."""
    try:
        return _push(find()) if push else _pull(find())
    except Refused as refused:
        return refused.why
    except EndlessError:
        return no_registry(host, "answers without an end")


def _push(repo: Repository) -> None:
    """Begin an upload, and give it up: no other question is answered alike by all registries."""
    session = Session(repo)
    session.begin()
    session.cancel()


def _pull(repo: Repository) -> NoAccess | None:
    answer = repo.read("GET", "tags/list?n=1", limit=2**22)
    if answer.status == GONE and not answer.foreign:
        return not_found(repo.name, repo.profile.cure)
    if not answer.ok:
        raise repo.surprise("list tags", answer)
    return None
