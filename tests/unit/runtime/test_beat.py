import asyncio
import itertools
import threading

import pytest

from shale.runtime.beat import Beat, Stopped


def test_the_work_says_how_far_it_is():
    beat = Beat()
    beat.moved(1 << 20)
    assert beat.bytes_done == 1 << 20


def test_work_that_is_stopped_learns_it_at_its_next_block():
    beat = Beat()
    beat.stop("over")
    with pytest.raises(Stopped):
        beat.moved(1)
    assert beat.bytes_done == 1, "what was done until then is told"


@pytest.mark.parametrize(
    ("orders", "cause"),
    [
        pytest.param(("over", "handed over"), "over", id="what is over stays over when the process ends"),
        pytest.param(("lost", "over"), "lost", id="what is lost stays lost"),
        pytest.param(("handed over",), "handed over", id="one order is the cause"),
        pytest.param((), "", id="no order, no cause"),
    ],
)
def test_the_first_order_is_the_cause(orders, cause):
    beat = Beat()
    for order in orders:
        beat.stop(order)
    assert beat.cause == cause


async def test_work_in_a_thread_is_stopped_from_the_event_loop():
    beat, begun = Beat(), threading.Event()

    def work() -> None:
        for done in itertools.count():
            beat.moved(done)
            begun.set()

    working = asyncio.create_task(asyncio.to_thread(work))
    assert await asyncio.to_thread(begun.wait, 5)
    beat.stop("over")
    with pytest.raises(Stopped):
        await asyncio.wait_for(working, 60)


def test_a_pause_ends_when_the_work_is_stopped():
    beat = Beat()
    threading.Timer(0.01, beat.stop, ("over",)).start()
    with pytest.raises(Stopped):
        beat.pause(60)


def test_a_pause_of_wanted_work_just_ends():
    Beat().pause(0)
