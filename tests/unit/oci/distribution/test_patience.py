"""How long is waited."""

from datetime import UTC, datetime

import pytest

from shale.oci.distribution.patience import Patience, asked

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param("", None, id="empty"),
        pytest.param("soon", None, id="no number"),
        pytest.param("-5", None, id="a negative number"),
        pytest.param("0", 0, id="at once"),
        pytest.param(" 7 ", 7, id="seconds"),
        pytest.param("999999", 3600, id="more than an hour"),
        pytest.param("Sat, 21 Nov 2026 12:00:30 GMT", 30, id="a date"),
        pytest.param("Sat, 21 Nov 2026 12:00:30 -0000", 30, id="a date of no zone"),
        pytest.param("Sat, 21 Nov 2026 11:00:00 GMT", 0, id="a date that is gone"),
        pytest.param("Sat, 21 Nov 9999 12:00:00 GMT", 3600, id="a date in thousands of years"),
        pytest.param("9" * 5000, 3600, id="more seconds than a number holds"),
        pytest.param("Sat, 21 Nov 99999999999999999999 12:00:00 GMT", None, id="a year that no clock knows"),
        pytest.param("Sat, 21 Nov 2026 12:00:00 +99999999999999999999", None, id="a zone that nobody lives in"),
    ],
)
def test_a_retry_after_is_read(header, seconds):
    assert asked(header, NOW) == seconds


def test_waits_double_up_to_the_longest():
    waits = list(Patience(tries=6, first=1, longest=4).delays())
    assert len(waits) == 5
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, (1, 2, 4, 4, 4), strict=True))


def test_one_try_waits_for_nothing():
    assert list(Patience(tries=1).delays()) == []
