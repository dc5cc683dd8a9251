"""What a status that is written tells a person who describes the object."""

import msgspec
import pytest

from shale.contracts.resources import ModelStatus, ModelVersionStatus
from shale.contracts.resources.meta import Condition, Metadata
from shale.kube import events
from shale.testkit.samples import built

NOW = "2026-01-01T00:00:00.000000Z"
META = Metadata(name="mv-1", namespace="team-a", uid="u-1", generation=1)


def status(phase, reason="", message="", *, stalled=False, generation=1):
    ready = Condition("Ready", "False", reason or phase, message)
    more = (Condition("Stalled", "True", reason, message),) if stalled else ()
    return ModelVersionStatus(phase=phase, observed_generation=generation, conditions=(ready, *more))


def version(before=None):
    """A model stands for any object: events look at metadata and status only."""
    model = built("team-a", "mv-1")
    return msgspec.structs.replace(model, metadata=META, status=before or ModelStatus())


def noted(obj, status, now=NOW, instance="here/1"):
    one = events.of(obj, status, now, instance)
    assert one is not None
    return one


def test_a_new_phase_is_told_with_its_reason_and_message():
    event = noted(version(), status("Packing", message="0 of 3 layers packed")).event
    assert (event["action"], event["reason"], event["type"]) == ("Packing", "Packing", "Normal")
    assert event["note"] == "0 of 3 layers packed"
    assert event["regarding"]["uid"] == "u-1"
    assert event["metadata"]["namespace"] == "team-a"
    assert event["eventTime"] == NOW


def test_progress_alone_is_no_event():
    before = version(status("Packing", message="1 of 3"))
    assert events.of(before, status("Packing", message="2 of 3"), NOW, "here/1") is None


def test_another_cause_of_a_retry_is_told_and_other_seconds_are_not():
    before = version(status("Packing", "Retrying", "retrying in 8 s: disk full"))
    assert events.of(before, status("Packing", "Retrying", "retrying in 0 s: disk full"), NOW, "here/1") is None
    event = noted(before, status("Packing", "Retrying", "retrying in 0 s: no route")).event
    assert event["note"] == "retrying in 0 s: no route"


def test_a_status_without_ready_is_no_event():
    assert events.of(version(), ModelVersionStatus(phase="Packing"), NOW, "here/1") is None


def test_what_stalls_warns():
    event = noted(version(), status("Pending", "SourceNotFound", "no folder", stalled=True)).event
    assert event["type"] == "Warning"


def rewritten(number):
    """Return the version as it is after so many writes."""
    return msgspec.structs.replace(version(), metadata=msgspec.structs.replace(META, resource_version=str(number)))


def test_the_same_write_has_the_same_name_whoever_tells_it_and_any_other_another():
    told = [
        noted(rewritten(number), status(phase, reason, generation=generation), instance=instance)
        for number, phase, reason, generation, instance in [
            (1, "Packing", "Packing", 1, "here/1"),
            (1, "Packing", "Packing", 1, "there/2"),
            (2, "Packing", "Packing", 1, "here/1"),
            (1, "Packing", "Retrying", 1, "here/1"),
            (1, "Ready", "ImageBuilt", 1, "here/1"),
            (1, "Packing", "Packing", 2, "here/1"),
        ]
    ]
    assert told[0].name == told[1].name
    assert len({one.name for one in told}) == 5
    assert len({one.what for one in told}) == 4
    assert [one.end for one in told] == [False, False, False, False, True, False]


def test_what_is_said_once_more_is_the_same_event_with_a_count_and_the_time():
    first, second, third = (noted(rewritten(n), status("Packing"), now=f"2026-01-01T00:00:0{n}.0Z") for n in (1, 2, 3))
    twice = events.again(first, second)
    assert (twice.name, twice.event["eventTime"]) == (first.name, first.event["eventTime"])
    assert twice.event["series"] == {"count": 2, "lastObservedTime": second.event["eventTime"]}
    assert events.again(twice, third).event["series"] == {"count": 3, "lastObservedTime": third.event["eventTime"]}
    assert "series" not in first.event


@pytest.mark.parametrize("message", ["x" * 5000, "é" * 5000, ""])
def test_a_note_is_never_empty_and_at_most_what_the_server_takes(message):
    event = noted(version(), status("Packing", message=message)).event
    assert 0 < len(event["note"].encode()) <= events.NOTE


def test_a_long_name_leaves_room_for_what_makes_it_the_events_own():
    long = msgspec.structs.replace(version(), metadata=msgspec.structs.replace(META, name="x" * 253))
    event = noted(long, status("Packing")).event
    assert len(event["metadata"]["name"]) <= 253
