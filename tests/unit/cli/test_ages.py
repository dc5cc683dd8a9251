"""Ages as people read them."""

import datetime as dt

import pytest

from shale.cli.ages import age, duration

NOW = dt.datetime(2026, 11, 20, 12, 0, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (59, "59s"),
        (60, "1m"),
        (94, "1m34s"),
        (599, "9m59s"),
        (600, "10m"),
        (3599, "59m"),
        (3600, "1h"),
        (12_000, "3h20m"),
        (28_800, "8h"),
        (90_000, "1d1h"),
        (400_000, "4d"),
        (366 * 86_400, "1y1d"),
        (900 * 86_400, "2y"),
    ],
)
def test_a_duration_has_two_units_while_the_second_matters(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ("2026-11-20T11:58:26Z", "1m34s"),
        ("2026-11-20T13:00:00Z", "0s"),
        ("2026-11-20T12:59:00+01:00", "1m"),
        ("2026-11-20T11:59:00", "-"),
        ("yesterday", "-"),
        ("", "-"),
    ],
)
def test_an_age_is_counted_from_a_time_with_a_zone(since, said):
    assert age(since, NOW) == said
