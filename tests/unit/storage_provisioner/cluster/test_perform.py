"""What is changed in a cluster, and what of it withstands whoever acts late."""

from typing import Any

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.contracts.facts import Declared, Held, LayersPlanned, StorageReady
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.modelversion import LocalStorage, Pvc, Storage
from shale.kube.resources import Invalid, Missing
from shale.runtime.beat import Beat
from shale.runtime.decision import RUNTIME_EFFECTS, Do, Done, Say, Wait
from shale.runtime.service import Woken
from shale.runtime.told import Said, Told
from shale.sources.reader import wire
from shale.sources.roots import parse
from shale.storage_provisioner.cluster.door import POD, SERVICE
from shale.storage_provisioner.cluster.manifests import Image
from shale.storage_provisioner.cluster.perform import Hands
from shale.storage_provisioner.cluster.placing import Rules
from shale.storage_provisioner.cluster.seen import Claim, MakeClaim, MakeReader, MakeVolume, TakeDown
from shale.storage_provisioner.cluster.service import ClusterProvisioner
from shale.storage_provisioner.cluster.sweep import sweep
from shale.testkit.simcluster import SimCluster

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
LOCAL = Storage(local_storage=LocalStorage("/models/resnet", "node-1"))
KEY = bytes(range(32))


@pytest.fixture
def cluster():
    return SimCluster()


@pytest.fixture
def service(cluster):
    return ClusterProvisioner(
        Hands(cluster, Image("registry.example/shale:1"), KEY), Rules(parse("/models", here=False))
    )


def told(generation=1, storage=LOCAL, *, dry_run=False, known=None, facts=()):
    about = ABOUT.at(generation)
    spec = ModelVersionSpec("resnet", "registry.example/m", storage, dry_run=dry_run)
    said = (Declared(about, spec, "", known), Held(ABOUT.whole(), "storage-provisioner"), *facts)
    return Told(about, tuple(map(Said, said)), now=1_800_000_000.0)


async def step(service, told) -> Any:
    """Look, decide, and do one thing, if it is one of the service's own."""
    seen = await service.observe(Woken(told.about), told)
    decision = service.decide(Woken(told.about), seen)
    if isinstance(decision, Do) and not isinstance(decision.effect, RUNTIME_EFFECTS):
        await service.perform(decision.effect, seen, Beat())
    return decision


async def settled(service, told) -> Any:
    """Go on until it waits, is done, or speaks."""
    for _ in range(20):
        decision = await step(service, told)
        if not isinstance(decision, Do) or isinstance(decision.effect, RUNTIME_EFFECTS):
            return decision
    raise AssertionError("it does not settle")


async def seen_before(service, told, effect):
    """Return what was seen when it was about to do something of that kind, which it has not done."""
    for _ in range(20):
        seen = await service.observe(Woken(told.about), told)
        decision = service.decide(Woken(told.about), seen)
        if isinstance(decision.effect, effect):
            return seen, decision.effect
        await service.perform(decision.effect, seen, Beat())
    raise AssertionError(f"it never comes to {effect}")


def kinds(cluster):
    return sorted(one["kind"] for one in cluster.all())


async def test_what_a_reader_is_told_proves_the_token_and_is_not_it(service, cluster):
    decision = await settled(service, told())
    assert isinstance(decision, Do)
    assert isinstance(decision.effect, Say)
    [ready] = decision.effect.facts
    assert isinstance(ready, StorageReady)
    place = wire.address(ready.uri)
    assert place is not None
    token = wire.token(KEY, place.claim, place.generation)
    pod = await cluster.get(POD, "team-a", "shale-uid-1-1")
    assert f"--proof={wire.proof(token)}" in pod["spec"]["containers"][0]["args"]
    assert token not in str(cluster.all()) + str(decision)
    assert KEY.hex() not in str(cluster.all())


async def test_after_the_pools_key_changed_a_reader_is_replaced_by_one_that_knows_its_token(service, cluster):
    def serves(_):
        return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}

    cluster.kubelet = serves
    decision = await settled(service, told())
    facts = decision.effect.facts
    after = ClusterProvisioner(
        Hands(cluster, Image("registry.example/shale:1"), bytes(reversed(KEY))), Rules(parse("/models", here=False))
    )
    old = await cluster.get(POD, "team-a", "shale-uid-1-1")
    assert isinstance(await settled(after, told(facts=facts)), Wait)
    new = await cluster.get(POD, "team-a", "shale-uid-1-1")
    place = wire.address(facts[0].uri)
    assert place is not None
    proof = wire.proof(wire.token(bytes(reversed(KEY)), place.claim, place.generation))
    assert f"--proof={proof}" in new["spec"]["containers"][0]["args"]
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert isinstance(await settled(after, told(facts=facts)), Wait)
    assert (await cluster.get(POD, "team-a", "shale-uid-1-1"))["metadata"]["uid"] == new["metadata"]["uid"]


async def test_release_deletes_all_of_every_generation(service, cluster):
    await settled(service, told())
    await settled(service, told(2))
    assert (await service.release(ABOUT.at(2), told(2))).part == "storage-provisioner"
    assert cluster.all() == ()
    await service.release(ABOUT.at(2), told(2))


async def test_release_touches_nothing_of_others(service, cluster):
    meta = {"name": "shale-uid-1", "namespace": "team-a"}
    await cluster.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {}})
    decision = await settled(service, told())
    assert isinstance(decision, Wait)
    assert (decision.reason, decision.stalled) == ("NameTaken", True)
    await service.release(ABOUT, told())
    assert kinds(cluster) == ["PersistentVolumeClaim"]


async def test_a_volume_that_is_made_after_all_was_released_goes_at_once(service, cluster):
    seen, effect = await seen_before(service, told(), MakeVolume)
    await service.release(ABOUT, told())
    await service.perform(effect, seen, Beat())
    assert cluster.all() == ()


async def test_and_when_its_maker_dies_of_it_the_sweep_finds_it(service, cluster, monkeypatch):
    seen, effect = await seen_before(service, told(), MakeVolume)
    await service.release(ABOUT, told())

    async def dies(*_):
        raise Transient("power")

    with monkeypatch.context() as patched:
        patched.setattr(cluster, "get", dies)
        with pytest.raises(Transient):
            await service.perform(effect, seen, Beat())
    assert kinds(cluster) == ["PersistentVolume"]
    assert await sweep(cluster) == ("shale-uid-1",)
    assert cluster.all() == ()
    assert await sweep(cluster) == ()


async def test_what_was_read_before_a_newer_wish_adopted_it_is_not_taken_down(service, cluster):
    await settled(service, told())
    late = await service.observe(Woken(ABOUT), told())
    await settled(service, told(2))
    await service.perform(TakeDown(late.all), late, Beat())
    left = {(one["kind"], one["metadata"]["labels"]["shale.dev/generation"]) for one in cluster.all()}
    assert [one for one in cluster.all() if "deletionTimestamp" in one["metadata"]] == []
    assert left == {("PersistentVolumeClaim", "2"), ("PersistentVolume", "2"), ("Service", "2"), ("Pod", "2")}


async def test_an_old_wish_that_looks_again_leaves_a_newer_one_alone(service, cluster):
    await settled(service, told(2))
    before = cluster.all()
    assert await settled(service, told(1)) == Done()
    assert cluster.all() == before


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"known": ModelVersionStatus(phase="Ready")}, id="its own status knows its end"),
        pytest.param({"dry_run": True, "facts": (LayersPlanned(ABOUT, (), "v1"),)}, id="a dry run that is through"),
    ],
)
async def test_what_is_over_is_taken_down(service, cluster, over):
    await settled(service, told())
    assert await settled(service, told(**over)) == Done()
    assert cluster.all() == ()


async def test_last_words_are_kept_while_the_next_reader_starts(cluster, service):
    words = "SourceNotFound: /weights/resnet is not there: put it there"
    ended = {"exitCode": 3, "message": words, "finishedAt": "2026-11-21T00:00:00Z"}
    cluster.kubelet = lambda _: {"phase": "Failed", "containerStatuses": [{"state": {"terminated": ended}}]}
    for _ in range(6):
        await step(service, told())
    cluster.kubelet = lambda _: {"phase": "Pending"}
    decision = await settled(service, told())
    assert (decision.reason, decision.stalled) == ("SourceNotFound", True)
    pod = await cluster.get(POD, "team-a", "shale-uid-1-1")
    assert "--patience=60" in pod["spec"]["containers"][0]["args"]
    cluster.set_status("Pod", "team-a", "shale-uid-1-1", {"conditions": [{"type": "Ready", "status": "True"}]})
    assert isinstance(await step(service, told()), Do)


async def test_events_say_why_a_claim_is_not_bound(service, cluster):
    meta = {"name": "weights", "namespace": "team-a"}
    made = await cluster.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {}})
    for number, message in enumerate(("an older word", "waiting for first consumer to be created")):
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"e-{number}", "namespace": "team-a"}}
        said = {"message": message, "lastTimestamp": f"2026-11-21T00:00:0{number}Z"}
        await cluster.create({**event, **said, "involvedObject": {"uid": made["metadata"]["uid"]}})
    decision = await settled(service, told(storage=Storage(pvc=Pvc("weights"))))
    assert decision.reason == "ClaimNotBound"
    assert "(waiting for first consumer to be created)" in decision.message


async def test_what_the_api_server_does_not_take_is_said(service, cluster, monkeypatch):
    async def refuses(manifest):
        return Invalid(f"{manifest['kind']} is not to my taste")

    monkeypatch.setattr(cluster, "create", refuses)
    seen = await service.observe(Woken(ABOUT), told())
    after = await service.perform(MakeClaim(), seen, Beat())
    decision = service.decide(Woken(ABOUT), after)
    assert (decision.reason, decision.message) == ("NotAccepted", "PersistentVolumeClaim is not to my taste")


async def test_a_namespace_that_ends_takes_nothing_any_more(service, cluster):
    cluster.namespaces_ended.add("team-a")
    seen = await service.observe(Woken(ABOUT), told())
    after = await service.perform(MakeClaim(), seen, Beat())
    assert service.decide(Woken(ABOUT), after).reason == "NotAccepted"


async def test_an_effect_without_a_place_is_a_bug_and_says_so(service):
    seen = await service.observe(Woken(ABOUT), told(storage=Storage(local_storage=LocalStorage("/etc", "node-1"))))
    assert not isinstance(seen.claim, Claim)
    with pytest.raises(TypeError, match="needs a place"):
        await service.perform(MakeReader("claim"), seen, Beat())


async def test_a_wish_of_another_kind_is_a_bug_and_says_so(service):
    with pytest.raises(TypeError, match="declared without a ModelVersion's spec"):
        await service.observe(Woken(ABOUT), msgspec.structs.replace(told(), said=()))


async def test_a_reader_that_went_comes_again_though_all_was_said(service, cluster):
    await settled(service, told())
    await cluster.delete(POD, "team-a", "shale-uid-1-1")
    await settled(service, told())
    assert not isinstance(await cluster.get(POD, "team-a", "shale-uid-1-1"), Missing)
    assert not isinstance(await cluster.get(SERVICE, "team-a", "shale-uid-1-1"), Missing)
