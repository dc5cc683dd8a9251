"""Several things at once: what goes wrong with one ends all of them, and none is left behind."""

import os
import signal
from threading import Barrier, Event

import pytest

from shale.cli.exits import CliError, Exit
from shale.cli.work import each, terminable
from shale.runtime.beat import Beat, Stopped
from shale.testkit.person import wait_until


def test_what_came_of_each_is_in_the_order_of_the_items():
    assert each(Beat(), lambda item: item * 2, range(20)) == [item * 2 for item in range(20)]


def test_no_more_are_done_at_once_than_there_are_threads_and_so_many_are():
    meeting, now, most = Barrier(3), [0], [0]

    def work(_):
        now[0] += 1
        most[0] = max(most[0], now[0])
        meeting.wait(60)
        now[0] -= 1
        meeting.wait(60)

    each(Beat(), work, range(6), threads=3)
    assert most == [3]


def test_the_first_error_stops_the_others_and_is_the_one_that_is_raised():
    beat, begun, stopped, done = Beat(), Event(), [], []

    def work(item):
        if item == 0:
            begun.wait(60)
            raise CliError("the disk is full")
        if item > 1:
            done.append(item)
            return
        begun.set()
        try:
            while True:
                beat.pause(0.01)
        except Stopped:
            stopped.append(item)
            raise

    with pytest.raises(CliError, match="the disk is full"):
        each(beat, work, [1, 0, *range(2, 40)], threads=2)
    assert (stopped, len(done) < 38) == ([1], True)


def test_an_interrupt_stops_all_and_goes_on():
    beat, ended = Beat(), []

    def work(item):
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            while True:
                beat.pause(0.01)
        except Stopped:
            ended.append(item)
            raise

    with pytest.raises(CliError, match="terminated") as caught, terminable():
        each(beat, work, [1])
    assert caught.value.code == Exit.TERMINATED
    assert wait_until(lambda: ended == [1])


def test_who_handles_the_signal_afterwards_is_who_did_before():
    before = signal.getsignal(signal.SIGTERM)
    with terminable() as beat:
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(Stopped):
        beat.heed()
