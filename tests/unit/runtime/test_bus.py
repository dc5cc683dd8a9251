"""What the door to NATS makes of answers that one server on one machine does not give."""

from typing import Any

import pytest
from nats.js.api import PubAck

from shale.contracts.errors import Transient
from shale.runtime.bus import levels
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.levels import Level, read_fresh

FOUND = {"message": {"seq": 7}}
PURGED = {"error": {"code": 404, "err_code": 10037, "description": "no message found"}}
GONE = {"error": {"code": 404, "err_code": 10059, "description": "stream not found"}}


class Cluster:
    """A leader that answers one thing, and a follower that gets so far with each read; then no further."""

    def __init__(self, leader: dict[str, Any], *follower: int) -> None:
        self.leader, self.follower, self.reads = leader, list(follower), 0

    async def api(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        assert (subject, body) == ("STREAM.MSG.GET.FACTS", {"seq": 7})
        return self.leader

    async def read(self, *_: object) -> Level:
        self.reads += 1
        return Level(up_to=self.follower.pop(0) if len(self.follower) > 1 else self.follower[0])


async def fresh(cluster: Any, monkeypatch) -> Level | None:
    monkeypatch.setattr(levels, "read", cluster.read)
    return await read_fresh(cluster, "FACTS", ("shale.>",), 7)


async def test_a_follower_that_is_behind_is_read_again(monkeypatch):
    cluster = Cluster(GONE, 5, 6, 8)
    assert await fresh(cluster, monkeypatch) == Level(up_to=8)
    assert cluster.reads == 3


async def test_of_a_follower_that_stays_behind_what_the_leader_has_is_waited_for(monkeypatch):
    with pytest.raises(Transient, match="FACTS is behind: sequence 7 is not readable yet"):
        await fresh(Cluster(FOUND, 5), monkeypatch)


async def test_what_not_even_the_leader_has_was_purged(monkeypatch):
    assert await fresh(Cluster(PURGED, 5), monkeypatch) is None


async def test_a_stream_that_is_not_there_was_not_purged(monkeypatch):
    with pytest.raises(Transient):
        await fresh(Cluster(GONE, 5), monkeypatch)


class Answers:
    """A client whose stream acks as it is told to."""

    def __init__(self, ack: PubAck) -> None:
        self.ack = ack

    def jetstream(self, **_: object) -> "Answers":
        return self

    async def publish(self, *_: object, **__: object) -> PubAck:
        return self.ack


async def test_a_message_that_the_server_dropped_as_a_duplicate_is_a_bug():
    client: Any = Answers(PubAck("FACTS", 7, duplicate=True))
    with pytest.raises(RuntimeError, match="no message of ours has a Nats-Msg-Id"):
        await Bus(client).publish("shale.fact.x", b"")
