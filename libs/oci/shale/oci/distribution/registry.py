"""The registry over HTTP: see `shale.oci.registry` for what each method promises."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from threading import Lock

from shale.oci import digest as digests
from shale.oci import names
from shale.oci.descriptor import Descriptor
from shale.oci.distribution import access, blobs, deletion, endpoint, manifests, referrers, tags
from shale.oci.distribution.client import Client
from shale.oci.distribution.options import Options
from shale.oci.distribution.repository import ACCEPT, Repository
from shale.oci.distribution.transport import Transport, Trust
from shale.oci.refusal import NoAccess
from shale.oci.registry import Missing, Pushed, Unsupported, Upload


class Distribution:
    """All registries that speak the distribution API, each by the host in the repository's name; for many threads.

    What it cannot explain it raises as ValueError: an answer that no registry should give.
    """

    def __init__(self, options: Options | None = None, transport: Transport | None = None) -> None:
        """With a `transport` its connections are used, which others may use too; `options` say the same trust."""
        self._options = options or Options()
        trust = Trust(self._options.insecure, self._options.ca)
        self._transport = transport or Transport(trust, self._options.patience)
        self._clients: dict[str, Client] = {}
        self._locks = defaultdict[str, Lock](Lock)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def check(self, repo: str, *, push: bool) -> NoAccess | None:
        """See `Registry.check`: by beginning an upload that is given up, or by asking for a tag."""
        host, _ = names.split(repo, self._options.home)
        return access.check(host, lambda: self._repo(repo), push=push)

    def orphans(self, repo: str) -> bool:
        """See `Registry.orphans`: as far as is known of the host."""
        return self._options.profile(names.split(repo, self._options.home)[0]).orphans

    def has(self, repo: str, digest: str) -> int | None:
        """See `Registry.has`: two questions, for a registry keeps manifests apart."""
        digests.hexadecimal(digest)
        return blobs.size_of_any(self._repo(repo), digest, ACCEPT)

    def pull(self, repo: str, digest: str, offset: int = 0, end: int | None = None) -> Iterator[bytes] | None:
        """See `Registry.pull`: all bytes come; that they are those of the digest is the caller's to see."""
        digests.hexadecimal(digest)
        there = self._repo(repo)
        if end is not None:
            return blobs.read(there, digest, offset, end, part=True)
        whole = blobs.size(there, digest)
        return None if whole is None else blobs.read(there, digest, offset, whole)

    def upload(self, repo: str, known: Pushed | None = None, place: str = "") -> AbstractContextManager[Upload]:
        """See `Registry.upload`."""
        return blobs.upload(self._repo(repo), known, place)

    def mount(self, repo: str, digest: str, from_repo: str) -> bool:
        """See `Registry.mount`; nothing is mounted from another registry."""
        digests.hexadecimal(digest)
        here, there = self._repo(repo), self._repo(from_repo)
        if here.client is not there.client:
            return blobs.size(here, digest) is not None
        return blobs.mount(here, digest, there)

    def resolve(self, repo: str, reference: str) -> Descriptor | None:
        """See `Registry.resolve`."""
        return tags.resolve(self._repo(repo), reference if digests.valid(reference) else names.tag(reference))

    def manifest(self, repo: str, digest: str) -> bytes | None:
        """See `Registry.manifest`."""
        digests.hexadecimal(digest)
        return manifests.get(self._repo(repo), digest)

    def put_manifest(self, repo: str, data: bytes, media_type: str, tag: str | None = None) -> Descriptor | Missing:
        """See `Registry.put_manifest`."""
        return manifests.put(self._repo(repo), data, media_type, None if tag is None else names.tag(tag))

    def referrers(self, repo: str, digest: str) -> tuple[Descriptor, ...]:
        """Return what names a manifest as its subject, each with its artifact type and its annotations."""
        return referrers.of(self._repo(repo), digest)

    def untag(self, repo: str, tag: str) -> bool | Unsupported:
        """See `Registry.untag`."""
        return tags.untag(self._repo(repo), names.tag(tag))

    def delete(self, repo: str, digest: str) -> bool | Unsupported:
        """See `Registry.delete`."""
        digests.hexadecimal(digest)
        return deletion.delete(self._repo(repo), digest)

    def tags(self, repo: str) -> tuple[str, ...]:
        """See `Registry.tags`; those under which clients list referrers are no tags of anybody's."""
        return tags.listed(self._repo(repo))

    def _repo(self, repo: str) -> Repository:
        host, path = names.split(repo, self._options.home)
        profile = self._options.profile(host)
        if profile.api == "registry-1.docker.io" and "/" not in path:
            path = f"library/{path}"
        return Repository(self._client(host, profile.api or host), profile, repo, path)

    def _client(self, host: str, api: str) -> Client:
        with self._locks[host]:  # asking takes time: one host does not wait for another
            if host not in self._clients:
                base = endpoint.find(api, self._transport, insecure=self._options.insecure)
                self._clients[host] = Client(base, host, self._options, self._transport)
            return self._clients[host]
