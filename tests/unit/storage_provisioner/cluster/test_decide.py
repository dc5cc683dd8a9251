"""What storage-provisioner does next in a cluster, as sentences."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.facts import StorageReady
from shale.runtime.decision import Do, Done, Hold, Refuse, Say, Wait
from shale.runtime.service import Woken
from shale.storage_provisioner.cluster.decide import A_DAY, LATER, PATIENCE, SOON, TARDY, WATCH, decide
from shale.storage_provisioner.cluster.place import Place
from shale.storage_provisioner.cluster.pods import Ended, Serves, Starts, Stuck
from shale.storage_provisioner.cluster.seen import (
    Adopt,
    Claim,
    MakeClaim,
    MakeReader,
    MakeService,
    MakeVolume,
    Reader,
    Replace,
    Seen,
    TakeDown,
    Thing,
)
from shale.storage_provisioner.problem import Problem, Unusable

NOW = 1_800_000_000.0
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 2)
OURS = Place("NFS export nas:/x", source={"nfs": {}})
THEIRS = Place("claim weights", claim="weights")


def thing(kind, name="shale-uid-1", *, generation=2, ours=True, ends=False):
    namespace = "" if kind == "PersistentVolume" else "team-a"
    return Thing(kind, namespace, name, f"{kind}-uid", "7", generation, ours, ends)


def claim(name="shale-uid-1", *, bound=True, lost=False, block=False, why="", **of):
    return Claim(thing("PersistentVolumeClaim", name, **of), bound, lost, block, why)


def reader(state, **of):
    return Reader(thing("Pod", "shale-uid-1-2", **of), state)


VOLUME, SERVICE, OLD = (
    thing("PersistentVolume"),
    thing("Service", "shale-uid-1-2"),
    thing("Pod", "shale-uid-1-1", generation=1),
)
BARE = Seen(ABOUT, NOW, 5.0, OURS, held=True)
MOUNTED = msgspec.structs.replace(BARE, claim=claim(), volume=VOLUME, uri="reader://host:7077/claim/2")
SERVED = msgspec.structs.replace(MOUNTED, service=SERVICE, reader=reader(Serves()))
WEIGHTS = claim("weights", ours=False, generation=0)


def but(seen, **changes):
    return msgspec.structs.replace(seen, **changes)


def stalls(reason, message, again_in: float | None = SOON):
    return Wait(reason, message, until=NOW + A_DAY, again_in=again_in, stalled=True)


def waits(reason, message, again_in=SOON):
    return Wait(reason, message, until=NOW + A_DAY, again_in=again_in)


TABLE = {
    "holds before it makes anything": (but(BARE, held=False), Do(Hold())),
    "waits for a setting that lets it mount": (
        but(BARE, held=False, place=Problem("NotAllowed", "may not")),
        stalls("NotAllowed", "may not"),
    ),
    "waits for another release": (
        but(BARE, place=Problem("StorageNotServed", "not yet", passes=False)),
        stalls("StorageNotServed", "not yet", None),
    ),
    "refuses what no setting can mend": (but(BARE, place=Unusable("BadPath", "climbs")), Refuse("BadPath", "climbs")),
    "claims first": (BARE, Do(MakeClaim())),
    "then makes the volume for that very claim": (
        but(BARE, claim=claim(bound=False)),
        Do(MakeVolume("PersistentVolumeClaim-uid")),
    ),
    "waits until they are bound": (
        but(BARE, claim=claim(bound=False, why="no match"), volume=VOLUME),
        waits(
            "Binding",
            "PersistentVolumeClaim team-a/shale-uid-1 is not bound to PersistentVolume shale-uid-1 yet (no match)",
        ),
    ),
    "stalls when they are not bound for long": (
        but(BARE, claim=but(claim(bound=False), thing=but(claim().thing, since=NOW - TARDY - 1)), volume=VOLUME),
        stalls(
            "Binding",
            "PersistentVolumeClaim team-a/shale-uid-1 is not bound to PersistentVolume shale-uid-1 yet:"
            " see that the cluster's volume controller runs, or delete both: they are made anew",
        ),
    ),
    "stalls when what was deleted does not go for long": (
        but(BARE, claim=claim(), volume=but(VOLUME, ends=True, since=NOW - TARDY - 1)),
        stalls(
            "Ending",
            "waits for the former PersistentVolume shale-uid-1 to be gone:"
            " end the Pods that use it, and see who serves its finalizers",
        ),
    ),
    "gives the reader an address": (MOUNTED, Do(MakeService())),
    "starts a reader": (but(MOUNTED, service=SERVICE), Do(MakeReader("PersistentVolumeClaim-uid"))),
    "starts a patient one after one that ended": (
        but(MOUNTED, service=SERVICE, before="SourceNotFound: nowhere"),
        Do(MakeReader("PersistentVolumeClaim-uid", PATIENCE)),
    ),
    "waits until it answers": (
        but(SERVED, reader=reader(Starts("Pod x starts"))),
        waits("ReaderStarts", "Pod x starts, to read NFS export nas:/x"),
    ),
    "stalls with the Pod's own words": (
        but(SERVED, reader=reader(Stuck("ImageNotPulled", "Pod x waits: mend it"))),
        stalls("ImageNotPulled", "Pod x waits: mend it"),
    ),
    "says where it answers, and how its user names what is read there": (
        SERVED,
        Do(Say((StorageReady(ABOUT, "reader://host:7077/claim/2", "NFS export nas:/x"),))),
    ),
    "looks at what is a minute old every six seconds": (
        but(BARE, age=60.0, refused="quota"),
        stalls("NotAccepted", "quota", 6.0),
    ),
    "looks at what is a day old once a minute": (
        but(BARE, age=A_DAY, refused="quota"),
        stalls("NotAccepted", "quota", LATER),
    ),
    "then looks after it until the image stands": (
        but(SERVED, said=True),
        waits("Reading", "its reader answers", WATCH),
    ),
    "stalls on last words": (
        but(SERVED, reader=reader(Ended(NOW - 1, "SourceNotFound", "nowhere: make it"))),
        stalls("SourceNotFound", "nowhere: make it"),
    ),
    "notes them after a rest, and begins anew": (
        but(SERVED, reader=reader(Ended(NOW - SOON, "SourceNotFound", "nowhere: make it"))),
        Do(Replace(thing("Pod", "shale-uid-1-2"), "SourceNotFound: nowhere: make it")),
    ),
    "replaces a reader that knows another key's token, however it stands": (
        but(SERVED, said=True, proof="of the new key", reader=but(reader(Serves()), proof="of the old key")),
        Do(Replace(thing("Pod", "shale-uid-1-2"))),
    ),
    "keeps the last words of the one before for who comes after such a reader": (
        but(SERVED, before="SourceNotFound: nowhere", proof="new", reader=reader(Starts("x starts"))),
        Do(Replace(thing("Pod", "shale-uid-1-2"), "SourceNotFound: nowhere")),
    ),
    "does not replace it twice": (
        but(SERVED, said=True, proof="new", reader=reader(Starts("Pod x ends"), ends=True)),
        waits("ReaderStarts", "Pod x ends, to read NFS export nas:/x"),
    ),
    "begins anew at once when it was nobody's fault": (
        but(SERVED, said=True, reader=reader(Ended(NOW))),
        Do(Replace(thing("Pod", "shale-uid-1-2"))),
    ),
    "gives a reader that vanished a successor, though all was said": (
        but(SERVED, said=True, reader=None),
        Do(MakeReader("PersistentVolumeClaim-uid")),
    ),
    "ends readers of older generations": (but(MOUNTED, strays=(OLD,)), Do(TakeDown((OLD,)))),
    "ends them once": (but(MOUNTED, strays=(but(OLD, ends=True),)), Do(MakeService())),
    "adopts an older generation's claim, lest it be taken from under us": (
        but(BARE, claim=claim(generation=1)),
        Do(Adopt(claim(generation=1).thing)),
    ),
    "adopts its volume as well": (
        but(BARE, claim=claim(), volume=but(VOLUME, generation=1)),
        Do(Adopt(but(VOLUME, generation=1))),
    ),
    "waits for a claim that an older generation is taking down": (
        but(BARE, claim=claim(generation=1, ends=True)),
        waits("Ending", "waits for the former PersistentVolumeClaim team-a/shale-uid-1 to be gone"),
    ),
    "waits for its volume as well": (
        but(BARE, claim=claim(), volume=but(VOLUME, ends=True)),
        waits("Ending", "waits for the former PersistentVolume shale-uid-1 to be gone"),
    ),
    "leaves everything to a newer wish": (but(MOUNTED, volume=but(VOLUME, generation=3)), Done()),
    "takes over no claim": (
        but(BARE, claim=claim(ours=False)),
        stalls("NameTaken", "PersistentVolumeClaim team-a/shale-uid-1 is not Shale's: delete or rename it"),
    ),
    "takes over no volume": (
        but(BARE, volume=but(VOLUME, ours=False)),
        stalls("NameTaken", "PersistentVolume shale-uid-1 is not Shale's: delete or rename it"),
    ),
    "takes over no Service": (
        but(MOUNTED, service=but(SERVICE, ours=False)),
        stalls("NameTaken", "Service team-a/shale-uid-1-2 is not Shale's: delete or rename it"),
    ),
    "takes over no Pod": (
        but(MOUNTED, service=SERVICE, reader=reader(Serves(), ours=False)),
        stalls("NameTaken", "Pod team-a/shale-uid-1-2 is not Shale's: delete or rename it"),
    ),
    "stalls on what the API server does not take": (
        but(BARE, refused="quota"),
        stalls("NotAccepted", "quota"),
    ),
    "waits for a user's claim": (
        but(BARE, place=THEIRS),
        stalls("ClaimNotFound", "claim team-a/weights is not there: create it, and put the model on it"),
    ),
    "waits until something can be on it": (
        but(BARE, place=THEIRS, claim=claim("weights", ours=False, bound=False, why="waiting for first consumer")),
        stalls(
            "ClaimNotBound",
            "claim team-a/weights is not bound (waiting for first consumer): let what writes the model run first",
        ),
    ),
    "reads no claim that has lost its volume": (
        but(BARE, place=THEIRS, claim=claim("weights", ours=False, bound=False, lost=True)),
        stalls(
            "ClaimLost", "claim team-a/weights has lost its volume: restore it, or make a version over another claim"
        ),
    ),
    "reads no block device": (
        but(BARE, place=THEIRS, claim=claim("weights", ours=False, block=True)),
        stalls("ClaimIsBlock", "claim team-a/weights is a block device: give a claim with volumeMode Filesystem"),
    ),
    "reads no claim that ends": (
        but(BARE, place=THEIRS, claim=claim("weights", ours=False, ends=True)),
        stalls("ClaimEnds", "claim team-a/weights is being deleted: make a version over another claim"),
    ),
    "makes nothing for a user's claim but a reader": (but(BARE, place=THEIRS, claim=WEIGHTS), Do(MakeService())),
    "takes everything down when the image stands, the reader first": (
        but(SERVED, over=True, strays=(OLD,)),
        Do(TakeDown((OLD, thing("Pod", "shale-uid-1-2"), SERVICE, claim().thing, VOLUME))),
    ),
    "takes nothing of a user's down": (
        but(SERVED, over=True, place=THEIRS, claim=WEIGHTS, volume=None),
        Do(TakeDown((thing("Pod", "shale-uid-1-2"), SERVICE))),
    ),
    "is done when all of it ends": (
        but(BARE, over=True, claim=claim(ends=True), volume=but(VOLUME, ends=True)),
        Done(),
    ),
    "is done when nothing is left": (but(BARE, over=True), Done()),
    "is done with what had its end, whatever its storage": (
        but(BARE, over=True, place=Unusable("BadPath", "")),
        Done(),
    ),
}


@pytest.mark.parametrize(("seen", "decision"), TABLE.values(), ids=TABLE.keys())
def test_storage_provisioner(seen, decision):
    assert decide(Woken(ABOUT), seen) == decision
