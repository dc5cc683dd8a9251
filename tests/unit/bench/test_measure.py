"""What is made of measurements: steps together, medians, pairs."""

from __future__ import annotations

import pytest

from shale.testkit.bench.measure import Spent, figure, paired, together


def test_steps_are_added_and_their_largest_process_counts():
    steps = [Spent(1.0, 2.0, 30, 4), Spent(10.0, 20.0, 20, 40)]
    assert together(steps) == Spent(11.0, 22.0, 30, 44)


def test_a_figure_is_a_median_and_all_that_it_is_of():
    assert figure([3.0, 1.0, 2.004]) == {"median": 2.0, "each": [3.0, 1.0, 2.0]}


def test_pairs_are_compared_before_their_median_is_taken():
    assert paired([10.0, 40.0, 6.0], [5.0, 4.0, 2.0]) == {"median": 3.0, "each": [2.0, 10.0, 3.0]}


def test_unpaired_runs_are_no_pairs():
    with pytest.raises(ValueError, match="zip"):
        paired([1.0, 2.0], [1.0])
