"""Tags of a repository: listed, and taken away from what they name."""

import msgspec

from shale.oci import digest as digests
from shale.oci import manifest, names
from shale.oci.descriptor import Descriptor
from shale.oci.distribution import committing, deletion, links, manifests, referrers
from shale.oci.distribution.refusals import too_many_tags
from shale.oci.distribution.repository import GONE, Repository
from shale.oci.distribution.session import Session
from shale.oci.distribution.transport import Lost, Request
from shale.oci.refusal import Refused
from shale.oci.registry import Pushed, Unsupported

MOST = 10_000
"""Tags of a repository that are held: who answers may be anybody, and have no end of them."""
_PAGE = 1000
_LARGEST_PAGE = 2**22
_EMPTY = b"{}"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_NOTHING = "application/vnd.shale.untagged"


class _Page(msgspec.Struct):
    tags: list[str] | None = None


def listed(repo: Repository) -> tuple[str, ...]:
    """Return the tags, sorted, but those under which clients list referrers. Raises Transient.

    Refused when there are more than `MOST`; what is no tag names nothing.
    """
    found: set[str] = set()
    for page in links.pages(repo, repo.url(f"tags/list?n={_PAGE}"), "application/json", _LARGEST_PAGE):
        if page.status == GONE:
            break
        try:
            tags = msgspec.json.decode(page.data, type=_Page).tags if page.ok else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise repo.surprise("list tags", page) from None
        if not page.ok:
            raise repo.surprise("list tags", page)
        for tag in tags or ():
            if names.is_tag(tag) and not referrers.is_fallback(tag):
                found.add(tag)
            if len(found) > MOST:
                raise Refused(too_many_tags(repo.name, MOST))
    return tuple(sorted(found))


def resolve(repo: Repository, reference: str) -> Descriptor | None:
    """See `Registry.resolve`: a tag that was half taken away names nothing any more."""
    found = manifests.describe(repo, reference)
    taken = found and not digests.valid(reference) and found.digest == _taker(reference)[1].digest
    return None if taken else found


def untag(repo: Repository, tag: str) -> bool | Unsupported:
    """See `Registry.untag`; one that was cut off is brought to its end."""
    if not repo.profile.deletes:
        return deletion.unsupported(repo)
    answer = repo.client.call(Request("DELETE", repo.url(f"manifests/{tag}")), repo.deleting)
    if answer.ok:
        return True
    if answer.status == GONE or (found := manifests.describe(repo, tag)) is None:
        return False
    if not deletion.declines(answer) and not deletion.wants_digest(answer):
        raise repo.surprise(f"untag {tag}", answer)
    if found.digest == _taker(tag)[1].digest:
        deleted = deletion.manifest(repo, found.digest)
        return deleted if isinstance(deleted, Unsupported) else True
    return repo.client.tried(lambda: _moved_away(repo, tag))


def _taker(tag: str) -> tuple[bytes, Descriptor]:
    """Return the manifest that takes a tag away: always the same, so that whoever comes later knows it again."""
    config = Descriptor(_EMPTY_TYPE, digests.of(_EMPTY), len(_EMPTY))
    document = manifest.Manifest(config, (config,), 2, artifact_type=_NOTHING, annotations={"dev.shale.tag": tag})
    data = manifest.canonical(document)
    return data, Descriptor(manifest.media_type(document), digests.of(data), len(data))


def _moved_away(repo: Repository, tag: str) -> bool | Unsupported:
    """Untag where only digests can be deleted (docker-registry 2.8.2 answers 400 to a tag, others 405).

    The tag moves to a manifest of its own, which is deleted with it. That it can be is tried before the tag moves; who
    moves the tag meanwhile keeps it, for only tags that still name that manifest go.
    """
    committing.whole(Session(repo), (memoryview(_EMPTY),), Pushed(digests.of(_EMPTY), len(_EMPTY)))
    data, taker = _taker(tag)
    for name in (None, tag):
        put = manifests.put(repo, data, taker.media_type, name)
        if not isinstance(put, Descriptor):
            raise Lost(f"{repo.client.host} lost what takes {tag} away from {repo.name}", busy=True)
        if isinstance(deleted := deletion.manifest(repo, put.digest), Unsupported):
            return deleted
        if not deleted:  # put just now, it was deleted without its tag: docker-registry 2.8.2, when two untag at once
            raise Lost(f"{repo.client.host} took {tag} away from {repo.name} by half", busy=True)
    return True
