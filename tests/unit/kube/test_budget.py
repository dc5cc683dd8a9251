"""What may be said of each of many things."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shale.kube import budget
from shale.kube.budget import Budget


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@given(gaps=st.lists(st.floats(0, 100), max_size=60), burst=st.integers(1, 5))
def test_in_any_time_no_more_is_said_than_a_burst_and_what_that_time_gives(gaps, burst):
    clock = Clock()
    one, taken = Budget(burst, 10, clock), []
    for gap in gaps:
        clock.now += gap
        if one.takes("a"):
            taken.append(clock.now)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - taken[first]) / 10 + 1e-6


def test_who_is_asked_again_and_again_has_a_word_in_time():
    clock = Clock()
    one, taken = Budget(1, 10, clock), []
    for tick in range(41):
        clock.now = float(tick)
        if one.takes("a"):
            taken.append(tick)
    assert taken[0] == 0
    assert all(later - earlier <= 11 for earlier, later in pairwise([*taken, 40]))
    assert len(taken) >= 4


def test_each_has_a_budget_of_its_own_and_a_bounded_number_is_remembered(monkeypatch):
    monkeypatch.setattr(budget, "MANY", 2)
    one = Budget(1, 10, Clock())
    assert [one.takes(whose) for whose in "aabbaa"] == [True, False, True, False, False, False]
    assert one.takes("c")
    assert one.takes("b")
