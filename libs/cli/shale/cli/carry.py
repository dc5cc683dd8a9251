"""An image with all that belongs to it comes into a repository: blobs first, manifests by digest, tags last.

Cut off anywhere, the same is done again and goes on: what is there is not sent twice, and no tag names a half.
"""

import time
from typing import Literal, Protocol

import msgspec

from shale.cli import work
from shale.cli.exits import CliError, usage
from shale.cli.places import Place
from shale.cli.progress import Count, counter, steps
from shale.contracts.errors import Transient
from shale.oci import names, whole
from shale.oci.descriptor import Descriptor
from shale.oci.manifest import Document
from shale.oci.registry import Body, Mismatch, Missing, Pushed
from shale.oci.whole import Whole
from shale.runtime.beat import Beat

How = Literal["there", "mounted", "sent"]
Tags = tuple[tuple[str, Descriptor], ...]

CURE = "give another tag, or --force to move it"


class Goods(Protocol):
    """Where blobs come from."""

    def body(self, blob: Descriptor) -> Body:
        """Return a blob that is there. Raises CliError, by its name, when it is not."""
        ...

    def mountable(self, there: Place) -> str:
        """Return the repository of the same registry from which blobs can be mounted; empty: there is none."""
        ...

    def spoilt(self, blob: Descriptor, found: str) -> CliError:
        """Return the error of bytes that are not those of the digest."""
        ...


class Carried(msgspec.Struct, frozen=True, rename="camel"):
    """What became of one blob."""

    digest: str
    size: int
    how: How
    seconds: float


class Carrier(msgspec.Struct, frozen=True):
    """Who carries, and whom it tells how many more bytes are done."""

    beat: Beat
    count: Count
    threads: int = work.THREADS

    def carry(self, image: Whole, goods: Goods, there: Place) -> list[Carried]:
        """Have all blobs and manifests in a repository; no tag is touched. Raises CliError, Transient."""
        largest = sorted(image.blobs, key=lambda blob: (-blob.size, blob.digest))
        carried = work.each(self.beat, lambda blob: self._blob(blob, goods, there), largest, self.threads)
        for document in image.documents:
            put(there, document)
        return carried

    def _blob(self, blob: Descriptor, goods: Goods, there: Place) -> Carried:
        began = time.monotonic()
        self.beat.heed()
        how = self._done(blob, goods, there)
        return Carried(blob.digest, blob.size, how, round(time.monotonic() - began, 3))

    def _done(self, blob: Descriptor, goods: Goods, there: Place) -> How:
        registry, repo = there.registry, there.repo
        near = goods.mountable(there)
        if registry.has(repo, blob.digest) == blob.size:  # of another size, it is damaged there
            self.count(blob.size)
            return "there"
        if near and near != repo and registry.mount(repo, blob.digest, near):
            self.count(blob.size)
            return "mounted"
        match send(there, goods.body(blob), blob, self._moved):
            case Mismatch(_, found):
                raise goods.spoilt(blob, found)
            case Pushed():
                return "sent"

    def _moved(self, more: int) -> None:
        self.beat.heed()
        self.count(more)


class Bound(msgspec.Struct, frozen=True):
    """Where an image is bound for: a repository and a tag, without one by digest alone; `force` moves the tag."""

    there: Place
    tag: str
    force: bool = False


def bring(image: Whole, goods: Goods, bound: Bound, beat: Beat, doing: str) -> tuple[tuple[str, ...], list[Carried]]:
    """Have an image there under its tag and those beside it; return these, and what became of the blobs.

    `doing` is what a terminal shows meanwhile. Raises CliError, Transient.
    """
    there, tag, force = bound.there, bound.tag, bound.force
    tags = whole.tags_beside(image, tag, children=there.registry.orphans(there.repo)) if tag else ()
    heed_tags(there, tags, force=force)
    with counter(doing, image.size) as count:
        carried = Carrier(beat, count).carry(image, goods, there)
    move_tags(there, image, tags, force=force)
    return tuple(name for name, _ in tags), carried


def send(there: Place, body: Body, blob: Descriptor, moved: Count) -> Pushed | Mismatch:
    """Send one blob whose digest and size are known; `moved` is told how many more bytes are done, and may raise."""
    with there.registry.upload(there.repo, Pushed(blob.digest, blob.size)) as upload:
        return upload.send(body, blob.digest, steps(moved))


def put(there: Place, document: Document, tag: str | None = None) -> None:
    """Put a manifest. Raises Transient when what it names is not there any more."""
    described = document.descriptor
    found = there.registry.put_manifest(there.repo, document.data, described.media_type, tag)
    if isinstance(found, Missing):
        lost = ", ".join(found.digests)
        raise Transient(f"{there.where} lost {lost} of {there.repo} while {described.digest} was put: try again")


def heed_tags(there: Place, tags: Tags, *, force: bool, cure: str = CURE) -> None:
    """Raise CliError when one of the tags names other content than it is to, unless that is forced."""
    if too_long := [tag for tag, _ in tags if not names.is_tag(tag)]:
        raise usage(f"{too_long[0]!r}, which would stand beside it, is no tag: give a shorter one")
    for tag, named in reversed(tags):
        found = there.registry.resolve(there.repo, tag)
        if found is not None and found.digest != named.digest and not force:
            raise taken(f"{there.repo}:{tag}", found.digest, cure)


def all_named(there: Place, tags: Tags) -> bool:
    """Say whether every tag names what it is to: then all that it leads to is there."""
    found = [(there.registry.resolve(there.repo, tag), named) for tag, named in tags]
    return all(one is not None and one.digest == named.digest for one, named in found)


def taken(name: str, digest: str, cure: str) -> CliError:
    """Return the error of a tag that does not move."""
    return CliError(f"TagTaken: {name} names other content already ({digest}): {cure}")


def move_tags(there: Place, image: Whole, tags: Tags, *, force: bool, cure: str = CURE) -> None:
    """Let the tags name the image, its own last; one that does is left alone. Raises as `heed_tags` does."""
    heed_tags(there, tags, force=force, cure=cure)
    documents = {one.descriptor.digest: one for one in image.documents}
    for tag, named in tags:
        found = there.registry.resolve(there.repo, tag)
        if found is None or found.digest != named.digest:
            put(there, documents[named.digest], tag)
