"""What a Pod's own words amount to."""

import datetime as dt

import pytest

from shale.storage_provisioner.cluster.core import Event, Pod, parsed
from shale.storage_provisioner.cluster.pods import SLOW, Ended, Serves, Starts, Stuck, state

MADE, ENDED = "2026-11-21T00:00:00Z", "2026-11-21T00:01:00Z"
NOW = dt.datetime.fromisoformat(MADE).timestamp() + 60
NAME = "Pod team-a/shale-uid-1-1"


def pod(status, **meta):
    metadata = {"name": "shale-uid-1-1", "namespace": "team-a", "uid": "u", "creationTimestamp": MADE, **meta}
    return parsed({"kind": "Pod", "metadata": metadata, "status": status}, Pod)


def container(**state):
    return {"containerStatuses": [{"image": "registry.example/shale:1", "state": state}]}


def condition(kind, status, message=None):
    return {"conditions": [{"type": kind, "status": status, **({"message": message} if message else {})}]}


def over(phase="Failed", **terminated):
    return {"phase": phase, **container(terminated={"finishedAt": ENDED, **terminated})}


MOUNT = Event(reason="FailedMount", message="mount failed: exit status 32", last_timestamp=ENDED)
OLDER = Event(reason="FailedMount", message="something else", last_timestamp=MADE)

TABLE = {
    "made just now": (pod({}), (), Starts(f"{NAME} starts")),
    "running, not ready": (pod({"phase": "Running"} | condition("Ready", "False")), (), Starts(f"{NAME} starts")),
    "ready": (pod({"phase": "Running"} | condition("Ready", "True")), (), Serves()),
    "ready and mounted at the second try": (pod({"phase": "Running"} | condition("Ready", "True")), (MOUNT,), Serves()),
    "being deleted": (
        pod({"phase": "Running"} | condition("Ready", "True"), deletionTimestamp=ENDED),
        (),
        Starts(f"{NAME} ends; another one takes its place"),
    ),
    "that was to be gone long ago": (
        pod({"phase": "Running"}, deletionTimestamp="2026-11-20T23:59:59Z"),
        (),
        Stuck(
            "NodeLost",
            f"{NAME} was to end and does not: its node does not answer, or a finalizer holds it:"
            " mend or delete that node, or kubectl delete --force the Pod",
        ),
    ),
    "without a node": (
        pod({"phase": "Pending"} | condition("PodScheduled", "False", "0/3 nodes are available")),
        (),
        Stuck(
            "Unschedulable",
            f"{NAME} has no node: 0/3 nodes are available: make room for it, or mend the node that its volume is on",
        ),
    ),
    "without its image": (
        pod({"phase": "Pending"} | container(waiting={"reason": "ImagePullBackOff", "message": "not found"})),
        (),
        Stuck(
            "ImageNotPulled",
            f"{NAME} waits for image registry.example/shale:1 (ImagePullBackOff: not found):"
            " let nodes pull it, or let SHALE_READER_IMAGE name one that they can",
        ),
    ),
    "not startable": (
        pod({"phase": "Pending"} | container(waiting={"reason": "CreateContainerConfigError"})),
        (),
        Stuck("ReaderNotStarted", f"{NAME} does not start (CreateContainerConfigError): kubectl describe it"),
    ),
    "starting in peace": (
        pod({"phase": "Pending"} | container(waiting={"reason": "ContainerCreating"})),
        (),
        Starts(f"{NAME} starts"),
    ),
    "without its volume": (
        pod({"phase": "Pending"} | container(waiting={"reason": "ContainerCreating"})),
        (OLDER, MOUNT, Event(reason="Pulled")),
        Stuck(
            "MountFailed",
            f"{NAME} cannot mount it: mount failed: exit status 32:"
            " see that the volume exists and that its node may mount it",
        ),
    ),
    "ended with last words": (
        pod(over(exitCode=3, message="SourceNotFound: /weights/a is not there: put it there")),
        (),
        Ended(NOW, "SourceNotFound", "/weights/a is not there: put it there"),
    ),
    "ended with words that are none of ours": (
        pod(over(exitCode=1, message="boom")),
        (),
        Ended(NOW, "ReaderEnded", "boom"),
    ),
    "ended without a word": (
        pod(over(exitCode=137, reason="OOMKilled")),
        (),
        Ended(NOW, "ReaderEnded", f"{NAME} ended with code 137 (OOMKilled): kubectl logs tells why"),
    ),
    "ended as nobody asked": (pod(over("Succeeded", exitCode=0)), (), Ended(NOW)),
    "evicted": (pod({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}), (), Ended(0.0)),
}


@pytest.mark.parametrize(("pod", "events", "expected"), TABLE.values(), ids=TABLE.keys())
def test_a_pod(pod, events, expected):
    assert state(pod, events, "", NOW) == expected


def test_the_words_of_the_one_before_stand_until_this_one_serves():
    words = "SourceNotFound: it is not there"
    assert state(pod({}), (), words, NOW) == Stuck("SourceNotFound", "it is not there")
    assert state(pod(condition("Ready", "True")), (), words, NOW) == Serves()


def test_what_starts_for_long_is_told():
    slow = state(pod({}), (), "", NOW + SLOW)
    assert isinstance(slow, Stuck)
    assert slow.reason == "ReaderSlow"


def test_words_are_cut():
    ended = state(pod(over(message="x" * 5000)), (), "", NOW)
    assert isinstance(ended, Ended)
    assert len(ended.message) == 1024
