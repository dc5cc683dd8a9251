"""The objects of each kind of storage as one would have written them by hand: `golden/*.yaml`."""

from pathlib import Path

import pytest
import yaml

from shale.contracts.about import About
from shale.contracts.resources.modelversion import AwsEfs, LocalStorage, Nfs, Pvc, Storage
from shale.sources import roots
from shale.sources.reader import wire
from shale.storage_provisioner.cluster import allowed, manifests
from shale.storage_provisioner.cluster.manifests import Image, Reading
from shale.storage_provisioner.cluster.place import Place
from shale.storage_provisioner.cluster.placing import Rules, place_of

ABOUT = About("modelversion", "team-a", "mv-3", "0c2f7f0e-6f6e-4f0a-9d0e-0c9d7a1b2c3d", 1)
IMAGE = Image("registry.example/shale/builder-sync:0.1.0", port=wire.PORT)
RULES = Rules(roots.parse("/models", here=False), allowed.parse("nas.example"), allowed.parse("fs-1"))
GOLDEN = Path(__file__).parent / "golden"
KEY = bytes(32)

STORAGES = {
    "local": Storage(local_storage=LocalStorage("/models/resnet", "node-1")),
    "nfs": Storage(nfs=Nfs("nas.example", "/exports/churn/r6")),
    "efs": Storage(aws_efs=AwsEfs("fs-1:/models", {"encryptInTransit": "true"})),
    "pvc": Storage(pvc=Pvc("weights", "resnet")),
}


def objects(storage):
    place = place_of(storage, RULES)
    assert isinstance(place, Place)
    claim = "7d1a3a52-5d0b-4b51-9c62-3a0f4d1e2b6a"
    bearer = wire.token(KEY, claim, ABOUT.generation)
    host = f"{manifests.reader_name(ABOUT)}.{ABOUT.namespace}.svc"
    uri = wire.Address(host, wire.PORT, claim, ABOUT.generation).uri
    reading = Reading(uri, wire.proof(bearer), place.claim or manifests.volume_name(ABOUT))
    own = [] if place.claim else [manifests.claim(ABOUT), manifests.volume(ABOUT, place, claim)]
    made = [*own, manifests.service(ABOUT, IMAGE), manifests.pod(ABOUT, place, IMAGE, reading)]
    assert bearer not in str(made), "the token is in no manifest"
    return made


@pytest.mark.parametrize("name", STORAGES)
def test_manifests_are_as_written(name):
    assert objects(STORAGES[name]) == list(yaml.safe_load_all((GOLDEN / f"{name}.yaml").read_text()))


@pytest.mark.parametrize("name", STORAGES)
def test_whatever_is_made_says_whose_it_is_and_goes_with_it(name):
    for tree in objects(STORAGES[name]):
        meta = tree["metadata"]
        assert meta["labels"]["shale.dev/uid"] == ABOUT.uid
        assert meta["labels"]["shale.dev/generation"] == "1"
        assert len(meta["name"]) <= 63
        if tree["kind"] != "PersistentVolume":  # no namespaced object owns one
            assert [one["uid"] for one in meta["ownerReferences"]] == [ABOUT.uid]


def test_names_fit_for_any_generation():
    assert len(manifests.reader_name(ABOUT.at(10**9))) <= 63
