"""Conditions: what kstatus reads in them, and since when they say so."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.contracts.resources.meta import Condition
from shale.kube.conditions import Says, cause, kstatus, ready, reconciling, retrying, stalled, stamp

THEN, NOW = "2026-11-20T12:00:00Z", "2026-11-20T12:05:00Z"


def test_a_new_condition_begins_now():
    (condition,) = stamp(ready("Built", "all there"), (), 3, NOW)
    assert condition == Condition("Ready", "True", "Built", "all there", NOW, 3)


def test_the_time_stays_while_the_status_does_whatever_reason_and_message_say():
    before = stamp(reconciling("Scanning", "12 files"), (), 1, THEN)
    after = stamp(reconciling("Packing", "1 of 3 layers"), before, 2, NOW)
    assert [one.last_transition_time for one in after] == [THEN, THEN]
    assert [one.reason for one in after] == ["Packing", "Packing"]
    assert [one.observed_generation for one in after] == [2, 2]


def test_the_time_moves_with_the_status():
    before = stamp(reconciling("Packing"), (), 1, THEN)
    (after,) = stamp(ready("Built"), before, 1, NOW)
    assert after.last_transition_time == NOW


def test_what_was_never_stamped_begins_now():
    before = (Condition("Ready", "True", "Built"),)
    (after,) = stamp(ready("Built"), before, 1, NOW)
    assert after.last_transition_time == NOW


def test_reconciling_and_stalled_are_there_only_while_they_are_true():
    working = stamp(reconciling("Packing"), (), 1, THEN)
    stuck = stamp(stalled("SecretMissing", "make it"), working, 1, NOW)
    done = stamp(ready("Built"), stuck, 1, NOW)
    assert [one.type for one in working] == ["Ready", "Reconciling"]
    assert [one.type for one in stuck] == ["Ready", "Stalled"]
    assert [one.type for one in done] == ["Ready"]


@given(seconds=st.integers(0, 1 << 40), why=st.text())
def test_the_cause_of_a_retry_is_the_same_however_many_seconds_are_left(seconds, why):
    assert {cause(one) for one in stamp(retrying(seconds, why), (), 1, NOW)} == {why}


@given(st.text())
def test_the_cause_of_anything_else_is_its_message(message):
    assert {cause(one) for one in stamp(stalled("NotFound", message), (), 1, NOW)} == {message}


def test_more_conditions_follow_in_the_order_given():
    extra = Says("StorageReady", "True", "ClaimBound")
    assert [one.type for one in stamp((*reconciling("Packing"), extra), (), 1, NOW)] == [
        "Ready",
        "Reconciling",
        "StorageReady",
    ]


def test_a_type_said_twice_counts_once_as_said_last():
    (condition,) = stamp((*ready("Built"), Says("Ready", "False", "Lost")), (), 1, NOW)
    assert (condition.status, condition.reason) == ("False", "Lost")


def test_the_same_again_is_the_same():
    once = stamp(stalled("SecretMissing", "make it"), (), 1, THEN)
    assert stamp(stalled("SecretMissing", "make it"), once, 1, NOW) == once


@pytest.mark.parametrize(
    ("says", "observed", "deleting", "read"),
    [
        pytest.param(ready("Built"), 1, False, "Current", id="Ready is current"),
        pytest.param(reconciling("Packing"), 1, False, "InProgress", id="Reconciling is in progress"),
        pytest.param(stalled("X", "y"), 1, False, "Failed", id="Stalled has failed"),
        pytest.param(ready("Built"), 0, False, "InProgress", id="an older generation is in progress"),
        pytest.param((), 0, False, "InProgress", id="nothing said yet is in progress"),
        pytest.param((), 1, False, "InProgress", id="no Ready is in progress"),
        pytest.param(ready("Built"), 1, True, "Terminating", id="a deleting object is terminating"),
    ],
)
def test_kstatus_reads(says, observed, deleting, read):
    assert kstatus(stamp(says, (), 1, NOW), 1, observed, deleting=deleting) == read


def test_a_condition_says_all_its_fields():
    (condition,) = stamp(ready("Built"), (), 1, NOW)
    assert set(msgspec.to_builtins(condition)) == {
        "type",
        "status",
        "reason",
        "message",
        "lastTransitionTime",
        "observedGeneration",
    }
