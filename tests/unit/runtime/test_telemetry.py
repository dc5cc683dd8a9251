import json
import logging

import pytest

from shale.runtime.telemetry import JsonLines, exposition, settling
from shale.testkit.toys import ABOUT


def line(message: str = "up", *, extra: dict[str, object] | None = None, exc_info=None, args=()) -> dict[str, object]:
    record = logging.getLogger("shale.test").makeRecord(
        "shale.test", logging.WARNING, "file.py", 1, message, args, exc_info, extra=extra
    )
    written = JsonLines().format(record)
    assert "\n" not in written
    return json.loads(written)


def test_a_record_is_one_json_object_with_time_level_logger_and_text():
    said = line("%s is up", args=("builder",))
    assert {key: said[key] for key in ("level", "log", "what")} == {
        "level": "WARNING",
        "log": "shale.test",
        "what": "builder is up",
    }
    assert str(said["at"]).endswith("+00:00")


def test_what_is_given_as_extra_becomes_fields():
    assert line(extra={"uid": "uid-1", "bytes": 5})["bytes"] == 5


def test_what_json_cannot_say_is_said_as_text():
    assert line(extra={"about": ABOUT})["about"] == str(ABOUT)


def test_an_exception_stays_on_its_line():
    error = ValueError("a\nb")
    said = line(exc_info=(ValueError, error, None))
    assert "ValueError: a\nb" in str(said["traceback"])


def test_settling_counts_nothing_before_metrics_are_set_up_and_hides_no_error():
    def fail() -> None:
        with settling("builder", ABOUT) as outcome:
            outcome("Ack")
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()


def test_metrics_are_exposed_as_text():
    assert b"# TYPE" in exposition()
