"""builder-sync that dies when it packs a layer named `poison...`: started in its place by a test, as its process.

A layer named `faulty...` makes it raise what nobody foresaw, one named `slow...` takes it 2 s more.
"""

import asyncio
import os

from shale.builder_sync import program
from shale.builder_sync.decide import Effect, Pack, Seen
from shale.builder_sync.service import BuilderSync
from shale.runtime.beat import Beat
from shale.runtime.process import Doors, Program, run


class Poisoned(BuilderSync):
    """The service, but for its end."""

    async def perform(self, effect: Effect, seen: Seen, beat: Beat) -> Seen:
        """Die as a segmentation fault or the kernel's memory killer would: without a word."""
        name = effect.job.layer.name if isinstance(effect, Pack) else ""
        if name.startswith("poison"):
            await asyncio.sleep(0.3)  # its neighbours in this process are well at work by then
            os._exit(9)
        if name.startswith("faulty"):
            raise RuntimeError("nobody foresaw this")
        if name.startswith("slow"):
            await asyncio.sleep(2)
        return await super().perform(effect, seen, beat)


def build(doors: Doors) -> Program:
    """Return the program with its service exchanged."""
    (service,) = program.build(doors).services
    assert isinstance(service, BuilderSync)
    return Program((Poisoned(service.roots, service.registries),))


if __name__ == "__main__":
    asyncio.run(run("builder-sync", build))
