"""`shale describe`: all that is known of one object, for whoever is on call."""

import datetime as dt
from contextlib import aclosing
from typing import Any

import msgspec

from shale.cli import door, leftovers, traces
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit
from shale.cli.kinds import DEFAULT_NAMESPACE, Target, target
from shale.cli.letters import tree as letter_tree
from shale.cli.portrait import Portrait, lines
from shale.cli.screen import document, show
from shale.cli.traces import Found
from shale.contracts.about import About
from shale.contracts.subjects import word
from shale.kube import manifests
from shale.kube.resources import Resources
from shale.runtime.bus import deadletters
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.deadletters import DeadLetter
from shale.runtime.told import Told


class Options(msgspec.Struct, frozen=True):
    """The object; of one that is gone, what the history knows of it."""

    target: list[str]
    namespace: str = ""


def run(common: Common, options: Options) -> int:
    """Show it."""
    wanted = target(options.target, named=True)
    found = door.run(_look(common, wanted, options.namespace or DEFAULT_NAMESPACE))
    if common.machine:
        document(_tree(found), common.output)
    else:
        show(lines(found, dt.datetime.now(dt.UTC)))
    return Exit.OK


async def _look(common: Common, wanted: Target, namespace: str) -> Portrait:
    async with door.both(common) as (bus, resources):
        found = await _find(bus, resources, wanted, namespace)
        told = await traces.levels(bus, found.about)
        moments = await traces.timeline(bus, found.about)
        letters = await _letters(bus, found.about)
    facts = [one.fact for one in moments]
    return Portrait(
        found=found,
        moments=moments,
        readings=_current(told),
        holders={holder: leftovers.would_leave(holder, told) for holder in told.holders},
        left=leftovers.were_left(facts),
        letters=letters,
    )


async def _find(bus: Bus, resources: Resources, wanted: Target, namespace: str) -> Found:
    found = await traces.find(bus, resources, wanted, namespace)
    if found is not None:
        return found
    about = About(wanted.kind.word, namespace, wanted.name, "", 0)
    uid = await traces.last_uid(bus, about)
    if not uid:
        where = f"`shale get {wanted.kind.short} -A` lists those of all namespaces"
        raise CliError(f"{wanted.kind.word} {namespace}/{wanted.name} is not there: {where}")
    return Found(msgspec.structs.replace(about, uid=uid), None)


def _current(told: Told) -> list[traces.Reading]:
    """Return the readings of work that is not ended."""
    return [] if traces.ended(told) else [one for one in told.readings if not traces.is_void(one, told)]


async def _letters(bus: Bus, about: About) -> list[DeadLetter]:
    async with aclosing(deadletters.letters(bus)) as found:
        return [letter async for letter in found if letter.about is not None and letter.about.uid == about.uid]


def _tree(found: Portrait) -> dict[str, Any]:
    obj = found.found.object
    return {
        "about": msgspec.to_builtins(found.found.about),
        "object": manifests.of(obj) if obj else None,
        "working": msgspec.to_builtins(found.readings),
        "holders": found.holders,
        "left": found.left,
        "deadLetters": [letter_tree(letter) for letter in found.letters],
        "timeline": [
            {"time": one.time, "fact": word(type(one.fact)), "data": msgspec.to_builtins(one.fact)}
            for one in found.moments
        ],
    }
