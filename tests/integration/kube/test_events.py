"""Events as a real API server keeps them: what comes back is counted."""

import asyncio

import msgspec
import pytest

from shale.contracts.resources.meta import Metadata
from shale.kube.client import Client
from shale.kube.connection import connected
from shale.kube.events import EVENT
from shale.kube.recorder import Recorder
from shale.testkit.asking import SOON
from shale.testkit.samples import built
from shale.testkit.soon import soon_asked


@pytest.fixture
async def client(cluster):
    async with connected(str(cluster.kubeconfig)) as connection:
        yield Client(connection, "shale")


def note(recorder, namespace, reason, version):
    obj = msgspec.structs.replace(built(namespace), metadata=Metadata("m", namespace, "u-1", version, 1))
    ready = {"type": "Ready", "status": "False", "reason": reason, "message": f"{reason} of old"}
    stalled = {**ready, "type": "Stalled", "status": "True"}
    said = {"phase": "Provisioning", "observedGeneration": 1, "conditions": [ready, stalled]}
    recorder.note(obj, msgspec.convert(said, type(obj.status)))


async def test_a_stall_that_comes_back_is_seen_to_be_the_last(client, namespace):
    if not await client.serves(EVENT):
        pytest.skip("this API server has no Events")
    recorder = Recorder(client, "here/1")
    running = asyncio.ensure_future(recorder.run())
    try:
        for version, reason in enumerate(("ClaimNotFound", "SourceNotFound", "ClaimNotFound")):
            note(recorder, namespace, reason, str(version))

        async def told():
            found = (await client.list(EVENT, namespace)).items
            return found if any("series" in one for one in found) and len(found) == 2 else None

        events = {one["reason"]: one for one in await soon_asked(told, SOON)}
    finally:
        running.cancel()
        await asyncio.wait([running])
    claim, source = events["ClaimNotFound"], events["SourceNotFound"]
    assert claim["series"]["count"] == 2
    assert claim["series"]["lastObservedTime"] > source["eventTime"] > claim["eventTime"]
