"""What `shale up` does for its NATS while it runs.

A disk that was full leaves streams that refuse every write until the server starts anew, and a JetStream that shut
itself off: the server's own `/healthz` tells of both, `js-enabled-only` of neither (nats-server 2.15.1).
"""

import asyncio
import os
from pathlib import Path

import msgspec

from shale.cli.local.keeper import Kept, Say
from shale.contracts.errors import Transient
from shale.runtime.bus.connection import connected
from shale.runtime.bus.store import JetStore, filling

HOST = "127.0.0.1"
EVERY = 2.0
"""Seconds between two looks at the server's health."""
SURE = 2
"""Looks in a row that must say the same: at its start a server is not healthy yet."""
ROOM = 16 << 20
"""Bytes that must be free before it is worth a new start: one block of a stream and its index."""
STARTS = 5
"""New starts in a row that did not help, after which none follows."""
WEIGH = 15.0
"""Seconds between two looks at how full the streams are."""
WITHIN = 2.0
MOST = 1 << 16


class Health(msgspec.Struct, frozen=True):
    """What `/healthz` says."""

    status: str = ""
    error: str = ""


async def ailment(port: int) -> str:
    """Return why JetStream cannot work, empty when it can or when nobody answers: then its process is looked after."""
    try:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
                answer = await reader.read(MOST)
                while chunk := await reader.read(MOST - len(answer)):
                    answer += chunk
            finally:
                writer.close()
        health = msgspec.json.decode(answer.partition(b"\r\n\r\n")[2], type=Health)
    except (OSError, TimeoutError, msgspec.MsgspecError):
        return ""
    return "" if health.status == "ok" else health.error or health.status


class Tender:
    """Starts a server again whose JetStream gave up, as soon as there is room; what it does it says, once."""

    def __init__(self, nats: Kept, store: Path, say: Say, room: int = ROOM) -> None:
        self.nats, self.store, self.say, self.room = nats, store, say, room
        self.starts = 0
        self._looks = 0
        self._said = ""

    async def run(self, port: int) -> None:
        """Look, without end."""
        while True:
            await asyncio.sleep(EVERY)
            await self.weigh(await ailment(port))

    async def weigh(self, why: str) -> None:
        """Do what is to be done about an ailment; an empty one is none."""
        if not why:
            if self._said:
                self._tell("")
                self.say("nats-server works again")
            self._looks = self.starts = 0
            return
        self._looks += 1
        if self._looks < SURE:
            return
        if self.starts >= STARTS:
            self._tell(f"nats-server was started {STARTS} times and cannot work: {why}; see {self.nats.program.log}")
        elif (free := _free(self.store)) < self.room:
            cure = f"{free} bytes are free in {self.store}: free more, then it goes on"
            self._tell(f"nats-server cannot work: {why}", cure)
        else:
            self._tell(f"nats-server cannot work: {why}; it is started again")
            self.starts, self._looks = self.starts + 1, 0
            await self.nats.renew()

    def _tell(self, what: str, cure: str = "") -> None:
        """Say what is so, once; the cure may be in other words each time."""
        if what and what != self._said:
            self.say(f"{what}; {cure}" if cure else what)
        self._said = what


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


async def warn(url: str, say: Say) -> None:
    """Say of each stream that it fills, once until it has room again; without end."""
    known: set[str] = set()
    while True:
        try:
            async with connected(url, "up", fatal=False) as bus:
                for one in filling(await JetStore(bus).stocks(), known):
                    say(str(one))
        except Transient:
            pass  # a server that is away is another's to tell of
        await asyncio.sleep(WEIGH)
