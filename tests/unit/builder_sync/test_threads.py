"""Work that never comes back holds up nobody else, and is counted."""

import asyncio
from contextvars import ContextVar
from threading import Event

import pytest

from shale.builder_sync.threads import Threads
from shale.contracts.errors import Transient
from shale.testkit.soon import soon

NAME = ContextVar("name", default="")


async def test_what_is_returned_and_what_is_raised_comes_back_and_the_context_goes_along():
    threads = Threads(1)
    NAME.set("here")
    assert await threads.run(NAME.get) == "here"
    with pytest.raises(ValueError, match="no"):
        await threads.run(int, "no")
    assert threads.running == 0


async def test_what_never_comes_back_holds_up_nobody_until_there_are_too_many():
    ended, stuck = [], Event()
    threads = Threads(3, lambda: ended.append("ended"))
    for _ in range(3):
        assert await threads.run(len, "well") == 4
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(threads.run(stuck.wait, 60), 0.05)
    assert (threads.running, ended) == (3, [])
    for _ in range(2):
        with pytest.raises(Transient, match="3 threads of this worker do not come back"):
            await threads.run(len, "well")
    assert ended == ["ended"]
    stuck.set()
    await soon(lambda: threads.running == 0)
    assert await threads.run(len, "well") == 4
