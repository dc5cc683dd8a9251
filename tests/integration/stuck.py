"""builder-sync, whose work waits in a thread for a peer that never says anything: `stuck.py`."""

import asyncio
import logging
import socket
from typing import Any

import msgspec

from shale.builder_sync import program
from shale.contracts.about import About
from shale.contracts.facts import Released
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision, Do
from shale.runtime.exits import run_and_end
from shale.runtime.process import Doors, Program, run
from shale.runtime.service import Card, Trigger
from shale.runtime.told import Told

NEAR, FAR = socket.socketpair()


class Stuck:
    """Waits for ever, and heeds nothing."""

    def __init__(self, card: Card) -> None:
        self.card = card

    async def observe(self, trigger: Trigger, told: Told) -> Told:
        """See what is told."""
        del trigger
        return told

    def decide(self, trigger: Trigger, seen: Told) -> Decision:
        """Read."""
        del trigger, seen
        return Do("read")

    async def perform(self, effect: str, seen: Told, beat: Beat) -> Any:
        """Wait for a byte that never comes."""
        del effect, seen, beat
        logging.getLogger("stuck").info("reads")
        return await asyncio.to_thread(NEAR.recv, 1)

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing."""
        del told
        return Released(about, self.card.name)


def build(doors: Doors) -> Program:
    """Return builder-sync's program with its service exchanged."""
    made = program.build(doors)
    return msgspec.structs.replace(made, services=tuple(Stuck(one.card) for one in made.services))


if __name__ == "__main__":
    run_and_end(run("builder-sync", build))
