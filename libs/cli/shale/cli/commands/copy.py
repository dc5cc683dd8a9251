"""`shale copy`: an image with all that belongs to it from one registry into another; digests stay as they are."""

from collections.abc import Iterator

import msgspec

from shale.cli import carry, images, places, told, work
from shale.cli.carry import Bound
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.places import Place
from shale.cli.registries import Reach
from shale.oci.descriptor import Descriptor


class Options(msgspec.Struct, frozen=True):
    """From `source` to `image`. `secret` and `insecure` are for the latter; `force` moves a tag of other content."""

    source: str
    image: str
    force: bool = False
    secret: str = ""
    insecure: bool = False
    from_secret: str = ""
    from_insecure: bool = False


class Remote(msgspec.Struct, frozen=True):
    """A blob of a repository."""

    place: Place
    digest: str
    size: int

    def blocks(self, offset: int = 0) -> Iterator[bytes]:
        """See `carry.Body`."""
        found = self.place.registry.pull(self.place.repo, self.digest, offset)
        if found is None:
            raise CliError(f"the blob {self.digest} is not in {self.place.repo}: the image there is not whole")
        yield from found


class Away(msgspec.Struct, frozen=True):
    """The blobs of another repository."""

    place: Place

    def body(self, blob: Descriptor) -> Remote:
        """See `carry.Goods`."""
        return Remote(self.place, blob.digest, blob.size)

    def mountable(self, there: Place) -> str:
        """See `carry.Goods`."""
        return self.place.repo if places.near(self.place, there) else ""

    def spoilt(self, blob: Descriptor, found: str) -> CliError:
        """See `carry.Goods`."""
        return CliError(
            f"the blob {blob.digest} in {self.place.repo} is damaged: it holds bytes whose digest is {found}"
        )


def run(common: Common, options: Options) -> int:
    """Copy, and say what came."""
    source, target = images.parse(options.source), images.parse(options.image)
    with work.terminable() as beat:
        reach, other = Reach(options.secret, options.insecure), Reach(options.from_secret, options.from_insecure)
        there = places.opened(common, target.repo, reach, beat)
        if other == Reach():
            here = places.beside(common, source.repo, there, reach, beat)
        else:
            here = places.opened(common, source.repo, other, beat)
        image = places.look(here, source)
        if target.digest not in {"", image.top.digest}:
            raise usage(f"{source} is {image.top.digest}: it cannot become {target}; write REPO:TAG")
        places.check_push(there)
        brought = carry.bring(image, Away(here), Bound(there, target.tag, options.force), beat, "copying")
    told.carried(common, told.Done(str(target), image.top.digest, *brought))
    return Exit.OK
