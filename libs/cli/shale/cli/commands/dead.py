"""`shale dead`: what was given up, with its payload and why; another chance for it, or its end."""

import datetime as dt
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

import msgspec

from shale.cli import door
from shale.cli.ages import age
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.letters import tree, whom, word_of
from shale.cli.screen import Sheet, document, line, note, say
from shale.runtime.bus import deadletters, replay
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.deadletters import DeadLetter

Action = Literal["list", "show", "replay", "drop"]


class Options(msgspec.Struct, frozen=True):
    """`ids` of letters as `list` shows them; `all` in their place; `namespace` is empty for all."""

    action: Action
    ids: list[str]
    all: bool = False
    namespace: str = ""


def run(common: Common, options: Options) -> int:
    """List, show, replay or drop."""
    if options.action == "list":
        if options.ids:
            raise usage("`shale dead list` lists all of them: `shale dead show ID` shows one")
        return door.run(_list(common, options))
    if bool(options.ids) == options.all or (options.all and options.action == "show"):
        either = "" if options.action == "show" else " or --all"
        raise usage(f"{options.action} which? write the ID{either}, as `shale dead list` shows it")
    numbers = [_number(one) for one in options.ids]
    return door.run(_each(common, options, numbers))


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise usage(f"{text!r} is no dead letter: write an ID as `shale dead list` shows it")
    return int(text)


async def _list(common: Common, options: Options) -> int:
    now, rows = dt.datetime.now(dt.UTC), list[tuple[str, ...]]()
    async with door.bus(common) as bus, aclosing(_chosen(bus, options.namespace)) as found:
        async for letter in found:
            if common.machine:
                line(tree(letter), common.output)
            else:
                why = letter.why if common.output == "wide" else _short(letter.why)
                rows.append((str(letter.id), age(letter.time, now), word_of(letter), whom(letter), letter.service, why))
    if rows:
        Sheet(("id", "age", "what", "about", "given up by", "why")).show(rows)
    elif not common.machine:
        note("no dead letters" + (f" in namespace {options.namespace}" if options.namespace else ""))
    return Exit.OK


async def _each(common: Common, options: Options, numbers: list[int]) -> int:
    """Do it to each, also after one that is not there or stays."""
    failed: list[str] = []
    async with door.bus(common) as bus:
        if options.all:
            async with aclosing(_chosen(bus, options.namespace)) as found:
                numbers = [letter.id async for letter in found]
        for number in numbers:
            letter = await deadletters.find(bus, number)
            if letter is None:
                failed.append(f"there is no dead letter {number}: `shale dead list` shows those that there are")
            elif not await _one(common, options.action, bus, letter):
                failed.append(f"{number} stays")
    if not numbers:
        note("no dead letters")
    if failed:
        raise CliError("; ".join(failed))
    return Exit.OK


async def _one(common: Common, action: Action, bus: Bus, letter: DeadLetter) -> bool:
    """Do it to one and say so; return whether that went as it was meant."""
    match action:
        case "show" | "list":
            _show(common, letter)
            return True
        case "drop":
            await deadletters.drop(bus, letter.id)
            went, told = True, f"dropped: {word_of(letter)} of {whom(letter)}"
        case "replay":
            done = await replay.replay(bus, letter)
            went, told = done.went, done.line
    if common.machine:
        line({"id": letter.id, "went": went, "result": told}, common.output)
    else:
        say(f"{letter.id}  {told}")
    return went


def _show(common: Common, letter: DeadLetter) -> None:
    found = tree(letter, payload=True)
    if common.machine:
        document(found, common.output)
        return
    payload: Any = found.pop("payload")
    for key, value in found.items():
        say(f"{key + ':':<10} {value}")
    print(payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=True))


async def _chosen(bus: Bus, namespace: str) -> AsyncGenerator[DeadLetter]:
    async with aclosing(deadletters.letters(bus)) as found:
        async for letter in found:
            if not namespace or (letter.about is not None and letter.about.namespace == namespace):
                yield letter


def _short(why: str) -> str:
    """Return as much of a reason as a table has room for; `-o wide` and `show` have all of it."""
    most = 100
    return why if len(why) <= most else why[: most - 1] + "…"
