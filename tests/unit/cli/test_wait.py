"""When a wait is over, and when it never will be."""

import asyncio

import pytest

from shale.cli import door
from shale.cli.commands.wait import Options, judge, until
from shale.cli.exits import CliError, Exit
from shale.cli.kinds import Target
from shale.contracts.resources import KINDS, Model, ModelStatus
from shale.contracts.resources.meta import Condition, Metadata
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Conflict, Missing, Removed
from shale.testkit import samples
from shale.testkit.asking import SOON, applied
from shale.testkit.bucket import MemoryBucket
from shale.testkit.veiled import VeiledResources


def model(*conditions, generation=2):
    said = tuple(Condition(type_, status, "Why", "because", "", observed) for type_, status, observed in conditions)
    return Model(Metadata(name="m", namespace="n", generation=generation), status=ModelStatus(conditions=said))


@pytest.mark.parametrize(
    ("obj", "awaited", "over"),
    [
        pytest.param(model(("Ready", "True", 2)), "Ready", True, id="ready"),
        pytest.param(model(("Ready", "True", 2)), "ready", True, id="ready, in lower case"),
        pytest.param(model(("Ready", "False", 2)), "Ready", False, id="not ready"),
        pytest.param(model(("Ready", "True", 1)), "Ready", False, id="ready as it was before the last change"),
        pytest.param(model(("Stalled", "True", 1)), "Ready", False, id="stalled before the last change"),
        pytest.param(model(("Stalled", "True", 2)), "Stalled", True, id="stalled, as was awaited"),
        pytest.param(model(), "Ready", False, id="nothing said yet"),
        pytest.param(model(("Ready", "True", 2)), "delete", False, id="still there"),
        pytest.param(None, "delete", True, id="gone"),
    ],
)
def test_a_wait_is_over_when(obj, awaited, over):
    assert judge(obj, awaited, "model n/m") is over


@pytest.mark.parametrize(
    ("obj", "code", "said"),
    [
        pytest.param(model(("Stalled", "True", 2)), Exit.STALLED, "Why: because", id="it stalls"),
        pytest.param(None, Exit.FAILED, "is not there", id="there is none"),
    ],
)
def test_a_wait_fails_at_once_when(obj, code, said):
    with pytest.raises(CliError, match=said) as caught:
        judge(obj, "Ready", "model n/m")
    assert caught.value.code is code


def test_a_condition_is_written_as_kubectl_writes_it_too():
    assert Options(["mv/a"], condition="condition=Ready").awaited == "Ready"


@pytest.mark.parametrize(
    ("deleted", "said"),
    [("", "nobody deletes it: `shale delete` does"), ("2026-11-20T12:00:00Z", "waits for shale.dev/forget")],
    ids=["nobody deletes it", "it is held"],
)
async def test_what_does_not_go_says_why(monkeypatch, deleted, said):
    meta = Metadata(name="m", namespace="n", deletion_timestamp=deleted, finalizers=("shale.dev/forget",))

    async def follow(*_):
        yield Model(meta)
        await asyncio.Event().wait()

    monkeypatch.setattr(door, "follow", follow)
    with pytest.raises(CliError, match=r"model n/m is not gone after 0\.05 s") as caught:
        await until(EmbeddedResources(MemoryBucket()), Target(KINDS["model"], "m"), "n", "delete", 0.05)
    assert said in str(caught.value)


async def test_what_cannot_be_read_is_not_gone_until_it_is():
    store = VeiledResources(MemoryBucket(), "resnet")
    held = await applied(store, samples.model("n", finalizers=[samples.HOLD]))
    going = await store.delete(samples.MODEL, "n", "resnet")
    assert not isinstance(going, Removed | Missing | Conflict)
    waiting = asyncio.ensure_future(door.until_gone(store, samples.MODEL, going))
    for _ in range(200):
        await asyncio.sleep(0)
    assert not waiting.done()
    await store.edit_metadata(going, finalizers=())
    await asyncio.wait_for(waiting, SOON)
    assert held.metadata.uid == going.metadata.uid
