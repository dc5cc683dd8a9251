"""The levels of an object that has more generations than one answer holds: the newest of them, whatever their number.

Who declares faster than the scribe purges must not make an object that nobody can delete.
"""

from collections.abc import Iterable

import msgspec

from shale.contracts import streams, subjects
from shale.contracts.about import About
from shale.runtime.bus.census import about_of, listed
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.levels import Level, read_fresh

MOST = 128
"""Wishes, and as many images, that are read of an object's generations: the newest."""


async def read_newest(bus: Bus, about: About, sequence: int) -> Level | None:
    """Return the levels with the newest generations only; None when the message at `sequence` was purged since.

    It says that it reaches no further than the list of generations does: what was told meanwhile was not read, and must
    not be purged. Raises Transient.
    """
    wishes, images = subjects.generations(about)
    declared, last = await listed(bus, wishes)
    built, _ = await listed(bus, images)
    newest = _newest(built)
    of_newest = [subjects.of_wish(about.at(one)) for one in newest[:1]]  # what the image that counts was asked for by
    chosen = (
        *(subjects.of_wish(about.at(one)) for one in _newest(declared)),
        *(subjects.of_image(about.at(one)) for one in newest),
        *of_newest,
    )
    level = await read_fresh(bus, streams.FACTS.name, subjects.narrowed(about, tuple(dict.fromkeys(chosen))), sequence)
    return level and msgspec.structs.replace(level, up_to=min(level.up_to, last))


def _newest(found: Iterable[str]) -> list[int]:
    generations = {about.generation for about in map(about_of, found) if about is not None}
    return sorted(generations, reverse=True)[:MOST]
