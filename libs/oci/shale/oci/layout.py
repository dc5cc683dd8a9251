"""The registry in a folder: one OCI image layout per repository, which skopeo, umoci and crane read as it lies there.

<root>/<host, with + for :>/<path>/{oci-layout, index.json, blobs/sha256/<hex>}
<root>/.uploads/<one per running upload>
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from shale.oci import digest as digests
from shale.oci import disk, garbage, indexfile, laws, manifest, names, subjects, uploads
from shale.oci.descriptor import Descriptor
from shale.oci.refusal import NoAccess, Refused
from shale.oci.registry import BLOCK, Missing, Pushed, Upload, push


class Layout:
    """The registry below `root`. Blobs are written once and never changed; only `index.json` is.

    Under the lock of a layout it changes, and manifests come and go.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def check(self, repo: str, *, push: bool) -> NoAccess | None:
        """See `Registry.check`: by beginning an upload that is given up, or by looking for tags."""
        try:
            if push:
                with self.upload(repo):
                    return None
            self.tags(repo)
        except Refused as refused:
            return refused.why
        return None

    def orphans(self, repo: str) -> bool:
        """See `Registry.orphans`: what a folder collects is only what a manifest that is deleted named alone."""
        _ = repo
        return False

    def has(self, repo: str, digest: str) -> int | None:
        """See `Registry.has`."""
        with disk.passing(f"look for {digest} in {repo}"):
            try:
                return self._blob(repo, digest).stat().st_size
            except FileNotFoundError:
                return None

    def pull(self, repo: str, digest: str, offset: int = 0, end: int | None = None) -> Iterator[bytes] | None:
        """See `Registry.pull`."""
        there = self.has(repo, digest)
        return None if there is None else _read(self._blob(repo, digest), offset, there if end is None else end)

    def upload(self, repo: str, known: Pushed | None = None, place: str = "") -> AbstractContextManager[Upload]:
        """See `Registry.upload`."""
        _ = place
        folder = self._folder(repo)

        def publish(path: Path, digest: str) -> None:
            indexfile.create(folder)
            _link(path, self._blob(repo, digest))

        return uploads.begin(self._root / ".uploads", known.digest if known else "", publish)

    def mount(self, repo: str, digest: str, from_repo: str) -> bool:
        """See `Registry.mount`: a hard link, so that no byte is copied and either side may be deleted."""
        there, here = self._blob(from_repo, digest), self._blob(repo, digest)
        if here.exists() or not there.exists():
            return here.exists()
        with disk.passing(f"mount {digest} from {from_repo}"):
            indexfile.create(self._folder(repo))
            _link(there, here)
        return True

    def resolve(self, repo: str, reference: str) -> Descriptor | None:
        """See `Registry.resolve`."""
        if digests.valid(reference):
            return self._describe(repo, reference)
        wanted = names.tag(reference)
        entries = indexfile.read(self._folder(repo))
        return next((entry.bare() for entry in entries if indexfile.tag_of(entry) == wanted), None)

    def manifest(self, repo: str, digest: str) -> bytes | None:
        """See `Registry.manifest`; ValueError when the file is too large for one or was damaged."""
        size = self.has(repo, digest)
        if size is None:
            return None
        if size > manifest.MAX_BYTES:
            raise ValueError(f"{digest} in {repo} is {size} bytes: no manifest is larger than {manifest.MAX_BYTES}")
        with disk.passing(f"read the manifest {digest} in {repo}"):
            try:
                data = self._blob(repo, digest).read_bytes()
            except FileNotFoundError:  # somebody else deleted it just now
                return None
        if complaints := laws.check(Descriptor("", digest, size), data):
            raise ValueError(f"{repo} is damaged: {complaints[0]}; delete that blob and push it again")
        return data

    def put_manifest(self, repo: str, data: bytes, media_type: str, tag: str | None = None) -> Descriptor | Missing:
        """See `Registry.put_manifest`."""
        wanted = names.tag(tag) if tag is not None else None
        named = manifest.named(manifest.parse(data))
        indexfile.create(self._folder(repo))
        with disk.locked(self._folder(repo)):  # nothing of what it names is collected between the two
            if missing := tuple(name for name in named if self.has(repo, name) is None):
                return Missing(missing)
            push(self, repo, data)
        descriptor = Descriptor(media_type, digests.of(data), len(data))
        if wanted is not None:
            self._tag(repo, wanted, descriptor)
        return descriptor

    def untag(self, repo: str, tag: str) -> bool:
        """See `Registry.untag`."""
        return self._drop(repo, lambda entry: indexfile.tag_of(entry) == names.tag(tag))

    def delete(self, repo: str, digest: str) -> bool:
        """See `Registry.delete`: the tags go first, so that none ever names what is not there.

        Then what the manifest alone names, and itself last: who is cut off deletes it again.
        """
        blob = self._blob(repo, digest)
        self._drop(repo, lambda entry: entry.digest == digest)
        with disk.passing(f"delete {digest} in {repo}"), suppress(FileNotFoundError), disk.locked(self._folder(repo)):
            for left in garbage.left_by(self._folder(repo), digest):
                left.unlink(missing_ok=True)
            blob.unlink()
            return True
        return False

    def tags(self, repo: str) -> tuple[str, ...]:
        """See `Registry.tags`."""
        found = (indexfile.tag_of(entry) for entry in indexfile.read(self._folder(repo)))
        return tuple(sorted(tag for tag in found if tag))

    def referrers(self, repo: str, digest: str) -> tuple[Descriptor, ...]:
        """Return what names a manifest as its subject, each with its artifact type and its annotations."""
        with disk.passing(f"look for what refers to {digest} in {repo}"):
            return subjects.referring(self._folder(repo), digest)

    def _folder(self, repo: str) -> Path:
        return self._root / names.folder(repo)

    def _blob(self, repo: str, digest: str) -> Path:
        return self._folder(repo) / "blobs" / "sha256" / digests.hexadecimal(digest)

    def _describe(self, repo: str, digest: str) -> Descriptor | None:
        data = self.manifest(repo, digest)
        if data is None:
            return None
        return Descriptor(manifest.media_type(manifest.parse(data)), digest, len(data))

    def _tag(self, repo: str, tag: str, descriptor: Descriptor) -> None:
        with disk.passing(f"tag {repo}:{tag}"), indexfile.changing(self._folder(repo)) as entries:
            entries[:] = [entry for entry in entries if indexfile.tag_of(entry) != tag]
            entries.append(indexfile.tagged(descriptor, tag))

    def _drop(self, repo: str, unwanted: Callable[[Descriptor], bool]) -> bool:
        """Remove entries from the index and say whether there were any."""
        folder = self._folder(repo)
        if not any(unwanted(entry) for entry in indexfile.read(folder)):
            return False
        with disk.passing(f"change the tags of {repo}"), indexfile.changing(folder) as entries:
            before = len(entries)
            entries[:] = [entry for entry in entries if not unwanted(entry)]
            return len(entries) < before


def _link(source: Path, blob: Path) -> None:
    """Give a finished file its name in the layout.

    A blob that is there stays, for its name says what it holds; but for one of another size, which is damaged.
    """
    try:
        os.link(source, blob)
    except FileExistsError:
        if blob.stat().st_size != source.stat().st_size:
            spare = source.with_name(f"{source.name}.{blob.name[:8]}")  # swept as the upload itself, if we die here
            os.link(source, spare)
            spare.replace(blob)
    disk.sync_folder(blob.parent)


def _read(blob: Path, offset: int, end: int) -> Iterator[bytes]:
    with disk.passing(f"read the blob {blob}"), blob.open("rb", buffering=0) as file:
        file.seek(offset)
        while block := file.read(min(BLOCK, max(end - file.tell(), 0))):
            yield block
