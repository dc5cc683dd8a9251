"""Who was silent is left alone, and asked again by one at a time."""

import pytest

from shale.contracts.errors import Transient
from shale.oci.distribution.origin import Origin
from shale.oci.distribution.silence import Silences

HERE, THERE = Origin("https", "here.example", 443), Origin("https", "there.example", 443)


class World:
    def __init__(self):
        self.now = 100.0
        self.silences = Silences(10.0, 30.0, lambda: self.now)

    def free(self, origin=HERE):
        try:
            self.silences.enter(origin)
        except Transient:
            return False
        return True


@pytest.fixture
def world():
    return World()


def test_who_answers_is_asked_by_all(world):
    assert all(world.free() for _ in range(3))
    world.silences.answered(HERE)
    assert world.free()


def test_who_is_silent_is_left_alone_and_nobody_else_is(world):
    world.silences.silent(HERE)
    assert not world.free()
    assert world.free(THERE)
    with pytest.raises(Transient, match=r"here\.example does not answer in time: it is asked again in 10 s") as raised:
        world.silences.enter(HERE)
    assert raised.value.after == 10.0


def test_after_a_while_one_asks_again_and_the_others_wait_for_what_it_hears(world):
    world.silences.silent(HERE)
    world.now += 10.5
    assert [world.free() for _ in range(3)] == [True, False, False]
    world.silences.answered(HERE)
    assert [world.free() for _ in range(3)] == [True, True, True]


def test_who_is_silent_still_is_left_alone_again(world):
    world.silences.silent(HERE)
    world.now += 10.5
    assert world.free()
    world.silences.silent(HERE)
    assert not world.free()
    world.now += 10.5
    assert world.free()


def test_who_asked_and_told_nobody_bars_it_for_no_longer_than_an_answer_takes(world):
    world.silences.silent(HERE)
    world.now += 10.5
    assert world.free()
    world.now += 30.5
    assert world.free()


def test_who_asks_beforehand_is_told_and_is_not_the_one_who_asks_again(world):
    world.silences.silent(HERE)
    with pytest.raises(Transient, match=r"here\.example does not answer in time"):
        world.silences.heed(HERE)
    world.silences.heed(HERE, THERE)
    world.now += 10.5
    world.silences.heed(HERE)
    assert world.free()
