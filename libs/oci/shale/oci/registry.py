"""The door to registries: content-addressed blobs, manifests over them, and tags that move last.

Every method blocks and belongs in a thread (`asyncio.to_thread`): packing reads, hashes and sends in one, and bytes
that wait for an event loop are slow. Repositories and digests are parsed behind the door (ValueError). What passes by
itself is raised as `Transient`, what a caller expects comes back as a value.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from shale.contracts.errors import Transient
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Block
from shale.oci.refusal import NoAccess

BLOCK = 2**20
"""The largest block that `pull` yields: what one worker holds of a blob, whatever its size."""


class Pushed(msgspec.Struct, frozen=True):
    """A blob stands in the registry under the digest of its bytes; `size` is their count."""

    digest: str
    size: int


class Mismatch(msgspec.Struct, frozen=True):
    """The bytes are not those that were announced: nothing was published."""

    expected: str
    found: str


class Missing(msgspec.Struct, frozen=True):
    """A manifest names blobs that are not in the repository: it was not published."""

    digests: tuple[str, ...]


class Unsupported(msgspec.Struct, frozen=True):
    """The registry never does this through its API; `message` says where it can be done."""

    message: str


class NoRangesError(Transient):
    """A registry, or a proxy before it, answered something else than the part of a blob that it was asked for."""


class Body(Protocol):
    """Bytes to be sent, which can be read again from any of them on: nobody holds any for a second try."""

    @property
    def size(self) -> int:
        """How many there are, known before the first is read."""
        ...

    def blocks(self, offset: int = 0) -> Iterator[Block]:
        """Return those from `offset` on, the same each time; a block may be used again after the next is asked for."""
        ...


class Data(msgspec.Struct, frozen=True):
    """A body that is here whole, for what is small."""

    data: bytes

    @property
    def size(self) -> int:
        """See `Body.size`."""
        return len(self.data)

    def blocks(self, offset: int = 0) -> Iterator[Block]:
        """See `Body.blocks`."""
        view = memoryview(self.data)
        return (view[at : at + BLOCK] for at in range(offset, len(view), BLOCK))


def unheard(done: int) -> None:
    """Go on: nobody wants to know how many bytes are `done`."""
    del done


class Upload(Protocol):
    """One blob on its way in."""

    def place(self) -> str:
        """Return the place where `Registry.upload` takes this blob up again in any process; `""`: nowhere (yet).

        It moves with every part that is sent. It opens the upload to its reader: keep it in a bucket of the packers,
        never in a fact or a log.
        """
        ...

    def keep(self) -> str:
        """Return the place, and let what was sent stay there when this upload is left without having published."""
        ...

    def send(
        self, body: Body, expected: str | None = None, moved: Callable[[int], None] = unheard
    ) -> Pushed | Mismatch:
        """Publish `body` under the digest of its bytes, which is `expected` if that is given.

        Each byte is hashed once, on its way. `moved` is told after each block how many bytes were hashed; what it
        raises ends the work, and where a part has just been begun that may be after it: some registries lose an upload
        of which a part is cut. What the body raises comes through as it is. ValueError when it is not of its size.
        """
        ...


class Registry(Protocol):
    """Any number of repositories, each with its blobs, its manifests and its tags.

    What `check` answers as a value, every other method raises as `Refused`, which is Transient: a try that meets it
    half-way is tried again, and begins with `check`.
    """

    def check(self, repo: str, *, push: bool) -> NoAccess | None:
        """Return what keeps us from pulling (or pushing), found out by asking the registry; None when nothing does."""
        ...

    def orphans(self, repo: str) -> bool:
        """Say whether its collection of untagged manifests takes those that only an index names."""
        ...

    def has(self, repo: str, digest: str) -> int | None:
        """Return the size of a blob or manifest, or None when it is not there."""
        ...

    def pull(self, repo: str, digest: str, offset: int = 0, end: int | None = None) -> Iterator[bytes] | None:
        """Return the bytes of a blob from `offset` on, in blocks of at most `BLOCK`; None when it is not there.

        With an `end`, which the caller knows to be within it, no byte from there on is asked for. What it yields raises
        NoRangesError where the registry hands out whole blobs only.
        """
        ...

    def upload(self, repo: str, known: Pushed | None = None, place: str = "") -> AbstractContextManager[Upload]:
        """Begin a blob; left without having published, nothing remains of it.

        Some registries take a large blob only whole, and want to hear first what is `known` of it: other bytes are a
        mismatch. With a `place` that still stands, what the registry holds is read for its hash and not sent again.
        """
        ...

    def mount(self, repo: str, digest: str, from_repo: str) -> bool:
        """Make a blob of another repository a blob of this one without sending it; False when it has to be sent."""
        ...

    def resolve(self, repo: str, reference: str) -> Descriptor | None:
        """Return what a tag or a digest names among the manifests."""
        ...

    def manifest(self, repo: str, digest: str) -> bytes | None:
        """Return the bytes of a manifest, checked against its digest."""
        ...

    def put_manifest(self, repo: str, data: bytes, media_type: str, tag: str | None = None) -> Descriptor | Missing:
        """Store a manifest whose blobs are there, and let `tag` name it from now on."""
        ...

    def untag(self, repo: str, tag: str) -> bool | Unsupported:
        """Let a tag name nothing; False when it named nothing before."""
        ...

    def delete(self, repo: str, digest: str) -> bool | Unsupported:
        """Remove a blob, or a manifest with every tag that names it; False when it was not there."""
        ...

    def tags(self, repo: str) -> tuple[str, ...]:
        """Return the tags of a repository, sorted; none when nobody ever pushed there. Raises Refused for too many."""
        ...


def push(registry: Registry, repo: str, body: bytes | Body, expected: str | None = None) -> Pushed | Mismatch:
    """Send one blob whole."""
    with registry.upload(repo) as upload:
        return upload.send(Data(body) if isinstance(body, bytes) else body, expected)
