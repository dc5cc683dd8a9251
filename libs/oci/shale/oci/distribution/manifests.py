"""Manifests of a repository: by digest they are checked, by tag they are what the registry says now."""

from shale.oci import digest as digests
from shale.oci import laws, manifest
from shale.oci.descriptor import Descriptor
from shale.oci.distribution import blobs, referrers
from shale.oci.distribution.answer import Answer
from shale.oci.distribution.repository import ACCEPT, GONE, Repository
from shale.oci.distribution.transport import Lost, Request
from shale.oci.registry import Missing

_INCOMPLETE = ("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "MANIFEST_INVALID", "DIGEST_INVALID")


def describe(repo: Repository, reference: str) -> Descriptor | None:
    """Return what a tag or a digest names. Raises Transient; ValueError when the registry contradicts itself."""
    answer = repo.read("HEAD", f"manifests/{reference}", ACCEPT)
    if answer.ok and not _complete(answer):
        answer = repo.read("GET", f"manifests/{reference}", ACCEPT, manifest.MAX_BYTES)
    if answer.status == GONE:
        return None
    if not answer.ok:
        raise repo.surprise(f"resolve {reference}", answer)
    named = answer.headers.get("Docker-Content-Digest") or digests.of(answer.data)
    size = int(answer.headers.get("Content-Length") or len(answer.data))
    if not digests.valid(named) or (digests.valid(reference) and named != reference):
        told = answer.header("Docker-Content-Digest")
        raise ValueError(f"{repo.client.host} names {told} when asked for {reference} in {repo.name}")
    return Descriptor(_media_type(answer), named, size)


def get(repo: Repository, digest: str) -> bytes | None:
    """Return a manifest by its digest. Raises Transient; ValueError when its bytes are not those of the digest."""
    answer = repo.read("GET", f"manifests/{digest}", ACCEPT, manifest.MAX_BYTES)
    if answer.status == GONE:
        return None
    if not answer.ok:
        raise repo.surprise(f"read the manifest {digest}", answer)
    if complaints := laws.check(Descriptor("", digest, len(answer.data)), answer.data):
        raise ValueError(f"{repo.name} is damaged: {complaints[0]}")
    return answer.data


def put(repo: Repository, data: bytes, media_type: str, tag: str | None) -> Descriptor | Missing:
    """See `Registry.put_manifest`; what names a subject is found from it afterwards, however the registry lists it.

    Two clients that put the same manifest at once may both be told that a blob is missing (docker-registry 2.8.2, 3 of
    120): when all are there, it is put again.
    """
    document = manifest.parse(data)
    wanted = Descriptor(media_type, digests.of(data), len(data))
    headers = {"Content-Type": media_type, "Content-Length": str(len(data))}
    request = Request("PUT", repo.url(f"manifests/{tag or wanted.digest}"), headers, data)

    def once() -> Answer | Missing:
        answer = repo.client.once(request, repo.pushing)
        if answer.ok or not answer.says(*_INCOMPLETE):
            return answer
        missing = tuple(name for name in manifest.named(document) if _size(repo, name, document) is None)
        if missing:
            return Missing(missing)
        raise Lost(f"{repo.client.host} does not take {wanted.digest}: {answer.reason()}", busy=True)

    answer = repo.client.tried(once)
    if isinstance(answer, Missing):
        return answer
    if not answer.ok:
        raise repo.surprise(f"put {wanted.digest}", answer)
    named = answer.headers.get("Docker-Content-Digest", wanted.digest)
    if named != wanted.digest:
        told = answer.header("Docker-Content-Digest")
        raise ValueError(f"{repo.client.host} stored {told} when we put {wanted.digest} in {repo.name}")
    if document.subject and "OCI-Subject" not in answer.headers:
        referrers.add(repo, document.subject.digest, referrers.entry(document, wanted))
    return wanted


def _size(repo: Repository, name: str, document: manifest.Manifest | manifest.Index) -> int | None:
    match document:
        case manifest.Manifest():
            return blobs.size(repo, name)
        case manifest.Index():
            return blobs.size_of_manifest(repo, name, ACCEPT)


def _complete(answer: Answer) -> bool:
    return "Docker-Content-Digest" in answer.headers and answer.headers.get("Content-Length", "").isdecimal()


def _media_type(answer: Answer) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip()
