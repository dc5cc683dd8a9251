"""What names a manifest as its subject: asked from the registry, or read from the fallback tag that clients keep.

distribution-spec v1.1, "Listing Referrers" and "Referrers Tag Schema": an index under the tag `sha256-<hex>`, changed
by reading and writing. It has no compare-and-swap: who changes it holds the claim on the subject's tag; a change that
was lost all the same is seen afterwards and made again.
"""

from collections.abc import Callable

import msgspec

from shale.oci import digest as digests
from shale.oci import manifest
from shale.oci.descriptor import IMAGE_INDEX, Descriptor
from shale.oci.distribution import links
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.repository import ACCEPT, GONE, Repository
from shale.oci.distribution.transport import Lost, Request
from shale.oci.manifest import Index, Manifest

Entries = tuple[Descriptor, ...]


def fallback(digest: str) -> str:
    """Return the tag under which clients list what refers to a manifest."""
    return f"sha256-{digests.hexadecimal(digest)}"


def is_fallback(tag: str) -> bool:
    """Say whether a tag is one of those: it names no image of anybody's."""
    return digests.valid(tag.replace("-", ":", 1))


def entry(document: Manifest | Index, described: Descriptor) -> Descriptor:
    """Return the descriptor that lists a manifest, with its artifact type (or its config's) and annotations."""
    config = document.config.media_type if isinstance(document, Manifest) else None
    return msgspec.structs.replace(
        described, artifact_type=document.artifact_type or config, annotations=document.annotations
    )


def of(repo: Repository, digest: str) -> Entries:
    """Return what refers to a manifest, there or not. Raises Transient."""
    first = repo.url(f"referrers/{digests.hexadecimal(digest) and digest}")
    pages = links.pages(repo, first, IMAGE_INDEX, manifest.MAX_BYTES)
    found = [_entries(repo, page) for page in pages]
    if found and found[0] is not None:
        return tuple(one for entries in found for one in entries or ())
    return _listed(repo, fallback(digest))


def add(repo: Repository, subject: str, listed: Descriptor) -> None:
    """List one under the fallback tag of its subject. Raises Transient."""
    _change(repo, fallback(subject), lambda entries: (*(one for one in entries if one.digest != listed.digest), listed))


def remove(repo: Repository, subject: str, listed: Descriptor) -> None:
    """List one no more. Raises Transient."""
    if any(one.digest == listed.digest for one in _listed(repo, fallback(subject))):
        _change(repo, fallback(subject), lambda entries: tuple(one for one in entries if one.digest != listed.digest))


def _change(repo: Repository, tag: str, change: Callable[[Entries], Entries]) -> None:
    def once() -> None:
        before = _listed(repo, tag)
        after = tuple(sorted(change(before), key=lambda one: one.digest))
        if after == before:
            return
        data = manifest.canonical(Index(after, schema_version=2))
        headers = {"Content-Type": IMAGE_INDEX, "Content-Length": str(len(data))}
        answer = repo.client.once(Request("PUT", repo.url(f"manifests/{tag}"), headers, data), repo.pushing)
        if answer.says("DIGEST_INVALID"):  # 2.8 does, when two lists are put at once
            raise Lost(f"{repo.client.host} mixed two lists of the referrers {tag} up", busy=True)
        if not answer.ok:
            raise repo.surprise(f"put the referrers {tag}", answer)
        if _listed(repo, tag) != after:
            raise Lost(f"somebody else changes the referrers {tag} in {repo.name}", busy=True)

    repo.client.tried(once)


def _listed(repo: Repository, tag: str) -> Entries:
    answer = repo.read("GET", f"manifests/{tag}", ACCEPT, manifest.MAX_BYTES)
    if answer.status == GONE:
        return ()
    found = _entries(repo, answer)
    if found is None:
        raise ValueError(f"{tag} in {repo.name} is no list of referrers: somebody gave that tag to something else")
    return found


def _entries(repo: Repository, answer: Answer) -> Entries | None:
    """Read a list; None where the registry has none, or answers with something else (a page, an empty object)."""
    if answer.status in {GONE, 400, 405}:
        return None
    if not answer.ok:
        raise repo.surprise("list referrers", answer)
    try:
        return msgspec.json.decode(answer.data, type=Index).manifests
    except (msgspec.MsgspecError, RecursionError):
        return None
