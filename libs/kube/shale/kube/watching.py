"""One collection of an API server, listed and watched: what is there, then what becomes of it, as raw objects.

A watch that ends or breaks goes on from the last resourceVersion it heard of; bookmarks keep that one young.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from shale.contracts.errors import Transient
from shale.kube import answers
from shale.kube.connection import Connection, Query, Stream
from shale.kube.resources import Expired
from shale.kube.wire import ENVELOPES, EVENTS, PAGES, STATUSES, Version

PAGE = 250
"""Objects of an answer: a page of the largest ones stays below 400 MB."""
RESUMES = 5
"""How often in a row a watch that breaks at once is tried again before whoever watches hears of it: about 3 s."""
CALM, LONGEST = 0.1, 2.0
"""Seconds before a watch is tried again: at first, and at most."""
EARLY = 1.0
"""Seconds: a watch that a server ended sooner and that told nothing is no better than one that broke."""
STREAMS_SINCE = (1, 27)
"""Servers before this version ignore the wish for a streamed list, and never end one; later ones may refuse it."""
INITIAL_END = "k8s.io/initial-events-end"

log = logging.getLogger("shale.watch")


class Items(msgspec.Struct, frozen=True):
    """All objects of a collection as of one resourceVersion."""

    items: list[bytes]
    resource_version: str


class Told(msgspec.Struct, frozen=True):
    """An object was written, or is gone (`deleted`); this is how it stands, or stood last."""

    body: bytes
    deleted: bool = False


class _Bookmark(msgspec.Struct, frozen=True):
    version: str
    ends_list: bool


async def items(connection: Connection, path: str, query: Query | None = None) -> Items:
    """Return what is there, page by page. Raises Transient."""
    found: list[bytes] = []
    asked: dict[str, str | int] = {**(query or {}), "limit": PAGE}
    while True:
        answer = await connection.ask("GET", path, asked)
        if answer.code == answers.GONE and "continue" in asked:  # the list took longer than the server remembers
            found, asked = [], dict(query or {})
            continue
        if answer.code != 200:  # noqa: PLR2004 (HTTP)
            raise answers.failure(answer.code, answers.status(answer.body), f"the list of {path}", answer.retry_after)
        page = answers.parsed(PAGES, answer.body, f"the list of {path}")
        found += [bytes(item) for item in page.items]
        if not page.metadata.continue_:
            return Items(found, page.metadata.resource_version)
        asked["continue"] = page.metadata.continue_


async def streamed(connection: Connection, path: str) -> Items | None:
    """Return what is there as a watch tells it: the server need not hold the whole list at once. Raises Transient.

    None: this server does not stream lists, or not in the time that a watch has.
    """
    found: dict[tuple[str, str], bytes] = {}
    asked = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", **_watch(connection, "")}
    async with connection.stream(path, asked) as stream:
        if stream.code in answers.REFUSED:
            return None
        async with aclosing(_lines(stream, path)) as told:
            async for one in told:
                match one:
                    case _Bookmark(version, ends_list) if ends_list:
                        return Items(list(found.values()), version)
                    case Told(body, deleted):
                        meta = answers.parsed(ENVELOPES, body, f"the list of {path}").metadata
                        found.pop((meta.namespace, meta.name), None)
                        found.update({} if deleted else {(meta.namespace, meta.name): body})
                    case _Bookmark() | Expired():
                        continue
    return None


async def events(
    connection: Connection, path: str, version: str, query: Query | None = None
) -> AsyncGenerator[Told | Expired]:
    """Yield what changes after a resourceVersion. It ends with `Expired`, else never. Raises Transient."""
    vain, delay, clock = 0, CALM, asyncio.get_running_loop().time
    while True:
        problem, begun, came = None, clock(), False
        try:
            async with aclosing(_once(connection, path, {**(query or {}), **_watch(connection, version)})) as told:
                async for one in told:
                    vain, delay, came = 0, CALM, True
                    if isinstance(one, _Bookmark):
                        version = one.version
                        continue
                    yield one
                    if isinstance(one, Expired):
                        return
                    version = answers.parsed(ENVELOPES, one.body, f"the watch of {path}").metadata.resource_version
        except Transient as error:
            problem = error
        if problem is None and (came or clock() - begun >= EARLY):  # the server ended it in its time
            vain, delay = 0, CALM
        elif (vain := vain + 1) > RESUMES and problem is not None:
            raise problem
        elif vain == RESUMES + 1:
            log.warning("watches end at once and tell nothing", extra={"path": path, "again_in": LONGEST})
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST)


def _watch(connection: Connection, version: str) -> Query:
    return {
        "watch": 1,
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": connection.patience.watch,
    }


async def _once(connection: Connection, path: str, query: Query) -> AsyncGenerator[Told | _Bookmark | Expired]:
    """Yield what one watch tells, until the server or the line ends it."""
    async with connection.stream(path, query) as stream, aclosing(_lines(stream, path)) as told:
        async for one in told:
            yield one


async def _lines(stream: Stream, path: str) -> AsyncGenerator[Told | _Bookmark | Expired]:
    if stream.code == answers.GONE:
        yield Expired(answers.line(answers.status(await stream.whole()).message))
        return
    if stream.code != 200:  # noqa: PLR2004 (HTTP)
        raise answers.failure(stream.code, answers.status(await stream.whole()), f"the watch of {path}")
    async with aclosing(stream.lines()) as lines:
        async for line in lines:
            yield _told(line, path)


def _told(line: bytes, path: str) -> Told | _Bookmark | Expired:
    what = f"the watch of {path}"
    event = answers.parsed(EVENTS, line, what)  # it may be cut off where the line broke
    match event.type:
        case "ERROR":
            said = answers.parsed(STATUSES, event.object, what)
            if said.code != answers.GONE:
                raise answers.failure(said.code, said, what)
            return Expired(answers.line(said.message))
        case "BOOKMARK":
            meta = answers.parsed(ENVELOPES, event.object, what).metadata
            return _Bookmark(meta.resource_version, INITIAL_END in meta.annotations)
        case _:
            return Told(bytes(event.object), deleted=event.type == "DELETED")


async def streams(connection: Connection) -> bool:
    """Say whether the server streams lists. Raises Transient."""
    answer = await connection.ask("GET", "/version")
    try:
        said = msgspec.json.decode(answer.body, type=Version)
        return (int(said.major), int(said.minor.rstrip("+"))) >= STREAMS_SINCE
    except (msgspec.DecodeError, ValueError):
        return False
