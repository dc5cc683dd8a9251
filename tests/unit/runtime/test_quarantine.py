"""Many work together, a suspect alone: who waits for whom."""

import asyncio

import pytest

from shale.runtime.quarantine import Quarantine


async def _enters(quarantine: Quarantine, *, alone: bool) -> asyncio.Task[bool]:
    """Let someone go to the door, as far as it goes."""
    task = asyncio.create_task(quarantine.enter(alone=alone))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_many_that_are_not_suspected_work_together() -> None:
    quarantine = Quarantine()
    assert all([(await _enters(quarantine, alone=False)).done() for _ in range(4)])


async def test_a_suspect_waits_until_everyone_has_left() -> None:
    quarantine = Quarantine()
    await quarantine.enter(alone=False)
    await quarantine.enter(alone=False)
    suspect = await _enters(quarantine, alone=True)
    await quarantine.leave(alone=False)
    assert not suspect.done()
    await quarantine.leave(alone=False)
    await asyncio.wait_for(suspect, 60)


@pytest.mark.parametrize("alone", [False, True], ids=["one that is not suspected", "another suspect"])
async def test_nobody_enters_while_a_suspect_is_inside(alone: bool) -> None:
    quarantine = Quarantine()
    await quarantine.enter(alone=True)
    other = await _enters(quarantine, alone=alone)
    assert not other.done()
    await quarantine.leave(alone=True)
    await asyncio.wait_for(other, 60)


async def test_nobody_overtakes_a_suspect_that_waits() -> None:
    quarantine = Quarantine()
    await quarantine.enter(alone=False)
    suspect = await _enters(quarantine, alone=True)
    late = await _enters(quarantine, alone=False)
    await quarantine.leave(alone=False)
    await asyncio.wait_for(suspect, 60)
    assert not late.done()
    await quarantine.leave(alone=True)
    await asyncio.wait_for(late, 60)


async def test_long_work_is_not_waited_for_and_others_go_on_beside_it() -> None:
    quarantine = Quarantine(patience=0.01)
    await quarantine.enter(alone=False)
    assert not await quarantine.enter(alone=True)
    assert await quarantine.enter(alone=False)


async def test_who_finds_a_suspect_inside_is_not_kept_for_as_long_as_that_works() -> None:
    quarantine = Quarantine(patience=0.01)
    assert await quarantine.enter(alone=True)
    assert not await quarantine.enter(alone=False)
    assert not await quarantine.enter(alone=True)
    await quarantine.leave(alone=True)
    assert await quarantine.enter(alone=True)


async def test_a_suspect_that_gives_up_waiting_keeps_nobody_out() -> None:
    quarantine = Quarantine()
    await quarantine.enter(alone=False)
    suspect = await _enters(quarantine, alone=True)
    suspect.cancel()
    await asyncio.gather(suspect, return_exceptions=True)
    await asyncio.wait_for(quarantine.enter(alone=False), 60)


async def test_of_two_suspects_that_wait_both_get_their_turn() -> None:
    quarantine = Quarantine()
    await quarantine.enter(alone=False)
    first, second = await _enters(quarantine, alone=True), await _enters(quarantine, alone=True)
    await quarantine.leave(alone=False)
    await asyncio.wait_for(first, 60)
    assert not second.done()
    await quarantine.leave(alone=True)
    await asyncio.wait_for(second, 60)
