"""The one writer of a version's status: what it does next, as sentences."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.facts import (
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayerPacked,
    LayersPlanned,
    Progressed,
    Refused,
    Released,
    StorageReady,
)
from shale.contracts.resources import ModelVersion, ModelVersionSpec, ModelVersionStatus
from shale.contracts.resources.meta import Metadata
from shale.contracts.resources.modelversion import LocalStorage, Storage
from shale.runtime.decision import Do, Done, Forget, Look, Wait
from shale.runtime.service import Woken
from shale.runtime.told import Said, Told
from shale.watcher.project import project
from shale.watcher.scribe import PASSING_SECONDS, STEP_SECONDS, ApplyStatus, Seen, decide

READ = 40
"""Up to where the facts were read."""
AT, STAMP = 1_800_000_000.0, "2027-01-15T08:00:00Z"
ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
SPEC = ModelVersionSpec("resnet", "registry.example/m", Storage(local_storage=LocalStorage("/models", "node-1")))
META = Metadata(name="mv-1", namespace="team-a", uid="uid-1", generation=1)
EMPTY = ModelVersionStatus()

WISH, READY = Declared(ABOUT, SPEC, ""), StorageReady(ABOUT, "file:///models")
PLAN = LayersPlanned(ABOUT, (Layer("0-aa", "small", 0), Layer("1-bb", "a.safetensors", 1000)), "v1")
PACKED = LayerPacked(ABOUT, "0-aa~1", PackedLayer("small", "small", "sha256:aa", 20))
BUILT = ImageBuilt(ABOUT, "m:v1", "sha256:11", "m:v1-modelpack", ())
ROAD = (WISH, READY, PLAN)
HELD, RELEASED = Held(ABOUT.whole(), "image-builder"), Released(ABOUT.whole(), "image-builder")
GONE = Gone(ABOUT.at(2))
STALLED = Progressed(ABOUT, "storage-provisioner", "Stalled", "NotFound", "make the folder /a")
LATE = Progressed(ABOUT, "builder-sync.1-bb~1", "Working")


def told(*facts, readings=(), about=ABOUT, now=AT):
    said = tuple(Said(fact, number, f"2026-01-01T00:00:{number:02}Z") for number, fact in enumerate(facts, 1))
    return Told(about, said, readings=tuple(readings), now=now, up_to=READ)


def moved(done):
    return msgspec.structs.replace(LATE, bytes_done=done)


def status(*facts, readings=(), before=EMPTY, about=ABOUT):
    return project(told(*facts, readings=readings, about=about), before, STAMP)


def seen(levels, before=EMPTY, *, written=0.0, there=True, stale=False):
    return Seen(levels, ModelVersion(META, SPEC, before) if there else None, written, stale)


def write(*facts, **more):
    return Do(ApplyStatus(status(*facts, **more)))


SCANNING, PACKING = status(WISH, READY), status(*ROAD)
THEN = Wait("Throttled", "", until=AT + PASSING_SECONDS)
NO = Refused(ABOUT, "image-builder", "TagTaken", "why")
DRY = msgspec.structs.replace(WISH, spec=msgspec.structs.replace(SPEC, dry_run=True))
STALLED_LATE = Progressed(ABOUT, "image-builder", "Stalled", "NoAccess", "give the right to push")
SECOND = ABOUT.at(2)
AGAIN = (msgspec.structs.replace(WISH, about=SECOND), Refused(SECOND, "image-builder", "TagTaken", "why"))
THIRD = ABOUT.at(3)
THRICE = tuple(msgspec.structs.replace(fact, about=THIRD) for fact in AGAIN)
REBUILT = (AGAIN[0], msgspec.structs.replace(BUILT, about=SECOND))
STUCK = status(WISH, readings=(STALLED,))
OTHER = msgspec.structs.replace(STALLED, message="make the folder /b")
TRYING = Progressed(ABOUT, "builder-sync.1-bb~1", "Retrying", message="disk full", next_at=AT + 8)
REFUSED = Progressed(ABOUT, "storage-provisioner", "Retrying", message="may not", next_at=AT + 8)
BINDING = Progressed(ABOUT, "storage-provisioner", "Waiting", "Binding", "claim a/b is not bound yet")
RETRYING = status(*ROAD, readings=(TRYING,))
UNKNOWN = msgspec.structs.replace(TRYING, message="the reader of a does not know our token: b")

TABLE = {
    # writing
    "waits a moment for the first change of phase": (seen(told(WISH, HELD), written=AT), THEN),
    "writes that it was seen when its phase does not change in that moment": (
        seen(told(WISH, HELD), written=AT - PASSING_SECONDS),
        write(WISH, HELD),
    ),
    "writes at once that it is stalled": (seen(told(WISH, readings=[STALLED])), write(WISH, readings=(STALLED,))),
    "writes from the start that it is retried": (
        seen(told(WISH, readings=[REFUSED])),
        write(WISH, readings=(REFUSED,)),
    ),
    "writes from the start what its storage waits for": (
        seen(told(WISH, readings=[BINDING])),
        write(WISH, readings=(BINDING,)),
    ),
    "writes the first change of phase at once": (seen(told(WISH, READY), written=AT), write(WISH, READY)),
    "holds a change of phase that soon follows a write": (seen(told(*ROAD), SCANNING, written=AT), THEN),
    "writes a change of phase a second after the last write": (
        seen(told(*ROAD), SCANNING, written=AT - PASSING_SECONDS),
        write(*ROAD, before=SCANNING),
    ),
    "writes a change of phase when the clock was set back": (
        seen(told(*ROAD), SCANNING, written=AT + 3600),
        write(*ROAD, before=SCANNING),
    ),
    "writes an image, however soon": (
        seen(told(*ROAD, BUILT), SCANNING, written=AT),
        write(*ROAD, BUILT, before=SCANNING),
    ),
    "writes a refusal, however soon": (
        seen(told(*ROAD, NO), SCANNING, written=AT),
        write(*ROAD, NO, before=SCANNING),
    ),
    "writes what a dry run found out, however soon": (
        seen(told(DRY, READY, PLAN), SCANNING, written=AT),
        write(DRY, READY, PLAN, before=SCANNING),
    ),
    "writes that a phase is stalled, however soon": (
        seen(told(*ROAD, readings=[STALLED_LATE]), SCANNING, written=AT),
        write(*ROAD, readings=(STALLED_LATE,), before=SCANNING),
    ),
    "writes that nothing stalls any more, however soon": (
        seen(told(WISH, READY), STUCK, written=AT),
        write(WISH, READY, before=STUCK),
    ),
    "writes the first phase of another attempt, however soon": (
        seen(told(AGAIN[0], about=SECOND), PACKING, written=AT),
        write(AGAIN[0], about=SECOND, before=PACKING),
    ),
    "writes nothing when all is as it should be": (seen(told(*ROAD), PACKING), Done()),
    "writes progress of 5 % after 5 s": (
        seen(told(*ROAD, readings=[moved(50)]), PACKING, written=AT - STEP_SECONDS),
        write(*ROAD, readings=(moved(50),), before=PACKING),
    ),
    "writes progress of 5 % not before 5 s": (
        seen(told(*ROAD, readings=[moved(50)]), PACKING, written=AT - 1),
        Wait("Throttled", "", until=AT - 1 + STEP_SECONDS),
    ),
    "writes no progress below 5 %, and needs no tick for it": (
        seen(told(*ROAD, readings=[moved(49)]), PACKING, written=AT - 3600),
        Done(),
    ),
    "writes progress that went back": (
        seen(told(*ROAD, readings=[moved(50)]), status(*ROAD, readings=(moved(900),)), written=AT - 60),
        write(*ROAD, readings=(moved(50),), before=status(*ROAD, readings=(moved(900),))),
    ),
    "counts layers without a write for each": (
        seen(told(*ROAD, PACKED), PACKING, written=AT - 60),
        Done(),
    ),
    "writes another reason for a stall, though nothing else moved": (
        seen(told(WISH, readings=[OTHER]), STUCK, written=AT),
        write(WISH, readings=(OTHER,), before=STUCK),
    ),
    "does not count the seconds to a retry down": (
        seen(told(*ROAD, readings=[TRYING], now=AT + 4), RETRYING, written=AT - 60),
        Done(),
    ),
    "writes another cause of a retry, though not a byte moved": (
        seen(told(*ROAD, readings=[UNKNOWN]), RETRYING, written=AT - STEP_SECONDS),
        write(*ROAD, readings=(UNKNOWN,), before=RETRYING),
    ),
    "writes another cause of a retry not before 5 s, as each try may have its own": (
        seen(told(*ROAD, readings=[UNKNOWN]), RETRYING, written=AT - 1),
        Wait("Throttled", "", until=AT - 1 + STEP_SECONDS),
    ),
    "writes that it is retried": (
        seen(told(*ROAD, readings=[TRYING]), PACKING, written=AT),
        write(*ROAD, readings=(TRYING,), before=PACKING),
    ),
    "writes that it is being deleted": (
        seen(told(*ROAD, HELD, GONE), PACKING),
        write(*ROAD, HELD, GONE, before=PACKING),
    ),
    "writes whom the deletion waits for no longer": (
        seen(told(*ROAD, HELD, GONE, RELEASED), status(*ROAD, HELD, GONE, before=PACKING), written=AT),
        write(*ROAD, HELD, GONE, RELEASED, before=status(*ROAD, HELD, GONE, before=PACKING)),
    ),
    # looking
    "looks again when somebody else wrote": (seen(told(*ROAD), PACKING, stale=True), Do(Look())),
    "does nothing for what nobody declared": (seen(told(READY)), Done()),
    "does nothing for what is not there and not yet known to be gone": (seen(told(*ROAD), there=False), Done()),
    # forgetting
    "forgets generations below one that was built": (
        seen(
            told(WISH, *REBUILT, about=SECOND),
            status(WISH, *REBUILT, about=SECOND),
        ),
        Do(Forget(READ, before=2, keep=2)),
    ),
    "keeps the generation whose image is shown": (
        seen(told(WISH, BUILT, *AGAIN, about=SECOND), status(WISH, BUILT, *AGAIN, about=SECOND)),
        Done(),
    ),
    "forgets a failed try between the one whose image is shown and the newest": (
        seen(told(WISH, BUILT, *AGAIN, *THRICE, about=THIRD), status(WISH, BUILT, *AGAIN, *THRICE, about=THIRD)),
        Do(Forget(READ, before=3, keep=1)),
    ),
    "forgets what is below the one whose image is shown, though the newest failed": (
        seen(told(WISH, *REBUILT, *THRICE, about=THIRD), status(WISH, *REBUILT, *THRICE, about=THIRD)),
        Do(Forget(READ, before=3, keep=2)),
    ),
    "forgets what is below the one whose image is shown while the newest is in work": (
        seen(told(WISH, *REBUILT, THRICE[0], about=THIRD), status(WISH, *REBUILT, THRICE[0], about=THIRD)),
        Do(Forget(READ, before=3, keep=2)),
    ),
    "does not take what is held for an older generation": (
        seen(told(WISH, HELD, BUILT), status(WISH, HELD, BUILT)),
        Done(),
    ),
    "forgets an older one at once, though the newest may never end": (
        seen(told(WISH, AGAIN[0], about=SECOND), status(WISH, AGAIN[0], about=SECOND, before=PACKING)),
        Do(Forget(READ, before=2)),
    ),
    "forgets before it writes, as a status may be refused": (
        seen(told(WISH, *AGAIN, about=SECOND), PACKING),
        Do(Forget(READ, before=2)),
    ),
    "forgets a failed try below a failed one": (
        seen(told(WISH, *AGAIN, about=SECOND), status(WISH, *AGAIN, about=SECOND)),
        Do(Forget(READ, before=2)),
    ),
    "purges what is told late of what is gone": (seen(told(GONE, READY), there=False), Do(Forget(READ))),
    "purges a wish that is told late of what is gone": (seen(told(GONE, WISH), there=False), Do(Forget(READ))),
    "purges a reading that is told late of what is gone": (
        seen(told(GONE, readings=[LATE]), there=False),
        Do(Forget(READ)),
    ),
    "leaves what is gone to its holders as long as they hold": (seen(told(WISH, HELD, GONE), there=False), Done()),
    "purges once they have released": (seen(told(WISH, HELD, GONE, RELEASED), there=False), Do(Forget(READ))),
    "leaves the end itself": (seen(told(GONE), there=False), Done()),
    "purges nothing of what is still being deleted": (
        seen(told(*ROAD, GONE), status(*ROAD, GONE)),
        Done(),
    ),
}


@pytest.mark.parametrize(("looked", "decision"), TABLE.values(), ids=TABLE.keys())
def test_scribe(looked, decision):
    assert decide(Woken(ABOUT), looked) == decision
