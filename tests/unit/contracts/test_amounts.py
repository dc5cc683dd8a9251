import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.contracts.amounts import amount, progress, share

GiB = 2**30


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (512, "512"),
        (999, "999"),
        (1000, "1Ki"),
        (1024, "1Ki"),
        (1536, "1.5Ki"),
        (91 * 2**20, "91Mi"),
        (int(15.2 * GiB), "15.2Gi"),
        (150 * GiB, "150Gi"),
        (1023 * 2**20, "1Gi"),
        (2**40, "1Ti"),
        (5 * 2**60, "5120Pi"),
    ],
)
def test_an_amount_as_people_read_it(count, text):
    assert amount(count) == text


@given(st.integers(0, 999 * 2**50))
def test_no_amount_has_more_than_three_digits(count):
    number = re.fullmatch(r"(\d+)(?:\.\d)?(|Ki|Mi|Gi|Ti|Pi)", amount(count))
    assert number is not None
    assert len(number[1]) <= 3


@pytest.mark.parametrize(("part", "whole", "text"), [(0, 0, "0%"), (1, 3, "33%"), (299, 300, "99%"), (3, 3, "100%")])
def test_a_share_is_never_rounded_up(part, whole, text):
    assert share(part, whole) == text


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [
        (int(6.1 * GiB), int(15.2 * GiB), "6.1/15.2Gi (40%)"),
        (0, 15 * GiB, "0/15Gi (0%)"),
        (700, 1000, "0.7/1Ki (70%)"),
        (15 * GiB, 15 * GiB, "15Gi"),
        (0, 0, "0"),
    ],
)
def test_progress_is_in_the_unit_of_the_total(done, total, text):
    assert progress(done, total) == text
