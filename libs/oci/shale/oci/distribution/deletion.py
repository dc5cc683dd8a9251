"""What registries let us delete: manifests by their digest, blobs where they have not been collected by themselves."""

from shale.oci import manifest as manifests_of
from shale.oci.descriptor import Descriptor
from shale.oci.distribution import blobs, manifests, referrers
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.repository import GONE, Repository
from shale.oci.distribution.transport import Lost, Request
from shale.oci.registry import Unsupported

_BAD_REQUEST = 400
_DECLINED = frozenset({405, 501})


def declines(answer: Answer) -> bool:
    """Say whether a registry does not do this at all."""
    return answer.status in _DECLINED or answer.says("UNSUPPORTED")


def wants_digest(answer: Answer) -> bool:
    """Say whether a registry does this to a digest only (docker-registry 2.8.2 calls a tag a wrong digest)."""
    return answer.status == _BAD_REQUEST and answer.says("DIGEST_INVALID", "TAG_INVALID", "MANIFEST_INVALID")


def unsupported(repo: Repository) -> Unsupported:
    """Say that nothing goes away here."""
    return Unsupported(f"{repo.client.host} deletes nothing through its API: delete it in {repo.name} by its own means")


def delete(repo: Repository, digest: str) -> bool | Unsupported:
    """See `Registry.delete`; what it refers to lists it no more.

    Blobs first: asked for a layer as a manifest, docker-registry 2.8 reads it whole and answers 500.
    """
    if not repo.profile.deletes:
        return unsupported(repo)
    deleted = blobs.size(repo, digest) is not None and _blob(repo, digest)
    if isinstance(deleted, Unsupported) or (deleted and manifests.describe(repo, digest) is None):
        return deleted
    listed = _listed(repo, digest)
    if listed:  # before it goes: cut off in between, nobody would know any more where it was listed
        referrers.remove(repo, *listed)
    found = manifest(repo, digest)
    if listed and isinstance(found, Unsupported):
        referrers.add(repo, *listed)
    return found or deleted


def manifest(repo: Repository, digest: str) -> bool | Unsupported:
    """Delete a manifest, and with it the tags that name it; False when it is not there. Raises Transient."""
    return repo.client.tried(lambda: _manifest(repo, digest))


def _manifest(repo: Repository, digest: str) -> bool | Unsupported:
    answer = repo.client.once(Request("DELETE", repo.url(f"manifests/{digest}")), repo.deleting)
    if answer.ok or answer.status == GONE:
        return answer.ok
    if wants_digest(answer):  # it was given one: docker-registry 2.8.2, when two delete or put the same at once
        raise Lost(f"{repo.client.host} does not delete {digest} now: {answer.reason()}", busy=True)
    if not declines(answer):
        raise repo.surprise(f"delete {digest}", answer)
    there = manifests.describe(repo, digest) is not None
    return unsupported(repo) if there else False


def _blob(repo: Repository, digest: str) -> bool | Unsupported:
    answer = repo.client.call(Request("DELETE", repo.url(f"blobs/{digest}")), repo.deleting)
    if answer.ok or answer.status == GONE:
        return answer.ok
    if declines(answer):
        return unsupported(repo)
    raise repo.surprise(f"delete {digest}", answer)


def _listed(repo: Repository, digest: str) -> tuple[str, Descriptor] | None:
    """Return the subject of a manifest, and what lists it there."""
    found = manifests.describe(repo, digest)
    data = manifests.get(repo, digest) if found else None
    if found is None or data is None:
        return None
    document = manifests_of.parse(data)
    return (document.subject.digest, referrers.entry(document, found)) if document.subject else None
