"""`shale init`: streams, buckets and consumers, created or upgraded; nothing of theirs is lost."""

import msgspec

from shale.cli import door
from shale.cli.common import Common
from shale.cli.exits import Exit
from shale.cli.screen import line, say
from shale.runtime.bus.provision import provision
from shale.runtime.installed import services


class Options(msgspec.Struct, frozen=True):
    """`replicas`: copies of each stream in a cluster of servers."""

    replicas: int = 1


def run(common: Common, options: Options) -> int:
    """Provision what the installed services need, and say what was made or changed."""
    made = door.run(_provision(common, options))
    if common.machine:
        line({"made": made}, common.output)
    else:
        for one in made or ["all is there already"]:
            say(one)
    return Exit.OK


async def _provision(common: Common, options: Options) -> list[str]:
    cards = [card for cards in services().values() for card in cards]
    async with door.bus(common) as bus:
        return await provision(bus, cards, replicas=options.replicas)
