"""`shale events`: what was told, one line each, the oldest first; with `-f` whatever is told next."""

from contextlib import aclosing

import msgspec

from shale.cli import door
from shale.cli.common import Common
from shale.cli.exits import Exit
from shale.cli.facts import describe
from shale.cli.kinds import find
from shale.cli.screen import line, note, say
from shale.contracts.errors import Transient
from shale.contracts.subjects import word
from shale.runtime.bus import history
from shale.runtime.bus.history import Told

TRIES = 5
"""How often a follower begins again where it was, when the server lost its place."""


class Options(msgspec.Struct, frozen=True):
    """`kind` and `namespace` are empty for all."""

    kind: str = ""
    namespace: str = ""
    follow: bool = False


def run(common: Common, options: Options) -> int:
    """Print until the end, or for ever."""
    kind = find(options.kind).word if options.kind else ""
    return door.run(_run(common, options, kind))


async def _run(common: Common, options: Options, kind: str) -> int:
    seen, lost = 0, 0
    async with door.bus(common) as bus:
        while True:
            try:
                async with aclosing(history.told(bus, kind, options.namespace, follow=options.follow)) as told:
                    async for one in told:
                        if one.sequence > seen:
                            _show(common, one)
                            seen, lost = one.sequence, 0
            except Transient as error:
                lost += 1
                if not options.follow or lost >= TRIES:
                    raise
                note(f"{error}; going on")
            else:
                return Exit.OK


def _show(common: Common, told: Told) -> None:
    if common.machine:
        fact = msgspec.to_builtins(told.fact)
        line({"time": told.time, "source": told.source, "fact": word(type(told.fact)), "data": fact}, common.output)
    else:
        say(f"{told.time}  {describe(told.fact)}")
