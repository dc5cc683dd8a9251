"""SIGTERM: work is handed over at once, and no attempt is counted for it."""

import pytest

from shale.contracts.facts import ImageBuilt, LayerPacked, Progressed
from shale.testkit.house import House
from shale.testkit.visitor import Visitor

pytestmark = pytest.mark.real_nats

ACK_WAIT = 30.0
MIB = 1 << 20


async def test_a_layer_whose_worker_is_told_to_end_is_handed_over_at_once_and_no_attempt_is_counted(
    house: House, visitor: Visitor, weights
) -> None:
    weights("drained", huge=400 * MIB)
    worker = house.the("builder-sync")
    uid = (await visitor.apply("drained")).metadata.uid
    await visitor.hears(Progressed, uid, "builder-sync.1", state="Working")
    worker.terminate()
    house.start("builder-sync")
    await visitor.hears(Progressed, uid, "builder-sync.1", state="Retrying")
    await visitor.reaches("drained", within=4 * ACK_WAIT)
    said = [
        (one.at, one.message.state)
        for one in visitor.heard
        if isinstance(one.message, Progressed) and ".builder-sync.1-" in one.subject
    ]
    handed = next(at for at, state in said if state == "Retrying")
    taken = next(at for at, state in said if state == "Working" and at > handed)
    assert taken - handed < ACK_WAIT * 0.8, "nobody waited for the heartbeat that did not come"
    assert worker.ended == 0, worker.tail()
    assert {one.attempt for one in visitor.all_heard(Progressed, uid, "builder-sync.1")} == {1}
    assert set((await visitor.times(LayerPacked, uid)).values()) == {1}
    assert await visitor.times(ImageBuilt, uid) == {"1": 1}
    assert not list((house.registry / ".uploads").glob("*"))
