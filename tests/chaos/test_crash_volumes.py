"""Crash-anywhere over volumes and readers: the real decision, a cluster and a bus in memory.

Wherever the power is cut, whatever ends meanwhile: nothing of a version that is over is left, its volume included.
"""

import asyncio
import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shale.contracts.about import About
from shale.contracts.facts import Declared, Gone, ImageBuilt, Refused, StorageReady
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources.modelversion import LocalStorage, Pvc, Storage
from shale.sources.roots import parse
from shale.storage_provisioner.cluster.manifests import Image
from shale.storage_provisioner.cluster.perform import Hands
from shale.storage_provisioner.cluster.placing import Rules
from shale.storage_provisioner.cluster.service import ClusterProvisioner
from shale.storage_provisioner.cluster.sweep import sweep
from shale.testkit.crash import Cuts, assert_crash_proof, run_to_end
from shale.testkit.simcluster import SimCluster
from shale.testkit.world import Disorder, Scene, Town

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
LOCAL, CLAIM = Storage(local_storage=LocalStorage("/models/resnet", "node-1")), Storage(pvc=Pvc("weights"))
PV, PVC, SERVICE, POD = "PersistentVolume", "PersistentVolumeClaim", "Service", "Pod"

cuts = st.lists(st.integers(0, 60), max_size=5)
seeds = st.integers(0, 1 << 30)
storages = st.sampled_from([LOCAL, CLAIM])
quickly = (Phase.explicit, Phase.reuse, Phase.generate)
widely = settings(
    max_examples=25, deadline=None, phases=quickly, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Place:
    """A cluster, and what happens to one version in it."""

    def __init__(self, storage=LOCAL):
        self.cluster = SimCluster()
        self.cluster.owners.add(ABOUT.uid)
        self.spec = ModelVersionSpec("resnet", "registry.example/m", storage)
        if storage is CLAIM:
            asyncio.run(self._user_claims())

    async def _user_claims(self):
        meta = {"name": "weights", "namespace": "team-a"}
        await self.cluster.create({"apiVersion": "v1", "kind": PVC, "metadata": meta, "spec": {}})
        ref = {"namespace": "team-a", "name": "weights", "uid": "persistentvolumeclaim-weights-1"}
        spec = {"nfs": {}, "claimRef": ref}
        await self.cluster.create({"apiVersion": "v1", "kind": PV, "metadata": {"name": "users"}, "spec": spec})

    def scene(self, *acts, processes=1):
        rules = Rules(parse("/models", here=False))
        hands = Hands(self.cluster, Image("registry.example/shale:1"), bytes(32))
        return Scene((lambda _: ClusterProvisioner(hands, rules),) * processes, acts, self.state)

    def state(self):
        """Return what is there of ours: kind, name, generation; whether it ends."""
        ours = [one["metadata"] | {"kind": one["kind"]} for one in self.cluster.all() if "labels" in one["metadata"]]
        return sorted(
            (one["kind"], one["name"], one["labels"]["shale.dev/generation"], "deletionTimestamp" in one)
            for one in ours
        )

    def users(self):
        return [one["metadata"]["name"] for one in self.cluster.all() if "labels" not in one["metadata"]]

    async def declare(self, plane):
        await plane.say(Declared(ABOUT, self.spec, "2026-11-21T00:00:00Z"))

    async def again(self, plane):
        await plane.say(Declared(ABOUT.at(2), self.spec, "2026-11-21T00:00:00Z"))

    async def built(self, plane):
        await plane.say(ImageBuilt(ABOUT, "m:v1", "sha256:0", "m:v1-modelpack", ()))

    async def refused(self, plane):
        await plane.say(Refused(ABOUT, "image-builder", "TagTaken", "taken"))

    async def gone(self, plane):
        self.cluster.owners.clear()
        await plane.say(Gone(ABOUT))


def objects(generation, storage=LOCAL):
    own = [(PV, "shale-uid-1"), (PVC, "shale-uid-1")] if storage is LOCAL else []
    reader = f"shale-uid-1-{generation}"
    return sorted((kind, name, str(generation), False) for kind, name in [*own, (SERVICE, reader), (POD, reader)])


def played(place, acts, cuts, seed, *, zombies=0, processes=1):
    """Run with cuts, acts at any time."""
    power = Cuts(cuts, max(0, 2 - zombies))
    chance = random.Random(seed)
    disorder = Disorder(chance.randrange, power, eager=seed % 60 + 1, zombies=zombies)
    town = Town(place.scene(*acts, processes=processes), disorder)
    asyncio.run(town.run())
    return [one.subject for one in town.bus.facts.under([">"])]


@pytest.mark.parametrize("storage", [LOCAL, CLAIM], ids=["localStorage", "pvc"])
def test_the_calm_run_ends_in_a_reader_that_packers_are_told_of(storage):
    place = Place(storage)
    end = run_to_end(place.scene(place.declare), Disorder())
    [ready] = [fact for fact in end.facts.values() if isinstance(fact, StorageReady)]
    claim = "weights" if storage is CLAIM else "shale-uid-1"
    assert ready.uri == f"reader://shale-uid-1-1.team-a.svc:7077/persistentvolumeclaim-{claim}-1/1"
    assert end.world == objects(1, storage)


@widely
@given(cuts, seeds, storages)
def test_a_reader_stands_wherever_the_power_is_cut(cuts, seed, storage):
    def make():
        place = Place(storage)
        return place.scene(place.declare, processes=2)

    assert_crash_proof(make, cuts, seed, zombies=1)


@widely
@given(cuts, seeds, storages, st.booleans())
def test_when_the_image_stands_or_is_refused_at_any_step_nothing_is_left(cuts, seed, storage, built):
    place = Place(storage)
    users = place.users()
    played(place, (place.declare, place.built if built else place.refused), cuts, seed)
    assert place.state() == []
    assert place.users() == users


@widely
@given(cuts, seeds, storages)
def test_after_a_deletion_at_any_step_nothing_is_left(cuts, seed, storage):
    place = Place(storage)
    users = place.users()
    facts = played(place, (place.declare, place.gone), cuts, seed)
    held, released = (any(f".{what}.storage-provisioner" in one for one in facts) for what in ("held", "released"))
    assert held == released
    assert place.state() == []
    assert place.users() == users


@widely
@given(cuts, seeds)
def test_what_a_paused_process_makes_after_all_was_released_is_collected_and_swept(cuts, seed):
    place = Place()
    played(place, (place.declare, place.gone), cuts, seed, zombies=1, processes=2)
    place.cluster.collect()
    asyncio.run(sweep(place.cluster))
    assert place.state() == []


@widely
@given(cuts, seeds, storages)
def test_a_new_attempt_at_any_step_has_its_own_reader_and_takes_the_old_one_down(cuts, seed, storage):
    place = Place(storage)
    facts = played(place, (place.declare, place.again), cuts, seed, processes=2)
    assert [one for one in facts if one.endswith(".2.storage-ready")]
    assert place.state() == objects(2, storage)


@widely
@given(cuts, seeds)
def test_what_is_taken_down_for_an_old_attempt_is_not_taken_from_the_new_one(cuts, seed):
    place = Place()
    facts = played(place, (place.declare, place.refused, place.again), cuts, seed, zombies=1, processes=2)
    assert [one for one in facts if one.endswith(".2.storage-ready")]
    left = [one for one in place.state() if one[0] != POD or one[1].endswith("-2")]
    assert set(objects(2)) <= set(left)


def test_the_sweep_leaves_what_has_its_claim():
    place = Place()
    run_to_end(place.scene(place.declare), Disorder())
    assert asyncio.run(sweep(place.cluster)) == ()
    assert place.state() == objects(1)
