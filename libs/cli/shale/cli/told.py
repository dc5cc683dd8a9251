"""What is said of an image that was carried: each blob, then all of them in one line."""

import msgspec

from shale.cli import screen
from shale.cli.carry import Carried, How
from shale.cli.common import Common
from shale.contracts.amounts import amount


class Done(msgspec.Struct, frozen=True):
    """An image that is there now, its tags, and what became of its blobs."""

    image: str
    digest: str
    tags: tuple[str, ...]
    blobs: list[Carried]

    def held(self, how: How) -> int:
        """Return the bytes of all blobs of which this became."""
        return sum(blob.size for blob in self.blobs if blob.how == how)


def carried(common: Common, done: Done) -> None:
    """Print it for a person, or in one document for a program."""
    sums = {how: done.held(how) for how in ("sent", "mounted", "there")}
    if common.machine:
        screen.line({**msgspec.to_builtins(done), "bytes": sums}, common.output)
        return
    sheet = screen.Sheet(("blob", "bytes", "seconds", "how"))
    if done.blobs:
        sheet.show([[one.digest, str(one.size), f"{one.seconds:.2f}", one.how] for one in done.blobs])
    words = ", ".join(f"{amount(size)} {how}" for how, size in sums.items() if size) or "nothing to send"
    screen.say(f"{done.image} ({done.digest}): {len(done.blobs)} blobs, {words}")
