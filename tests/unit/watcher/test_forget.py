"""When an object may be let go, as sentences."""

import msgspec
import pytest

from shale.contracts.about import About
from shale.contracts.facts import Declared, Gone, Held, Released
from shale.contracts.resources import FINALIZER, Model, ModelSpec
from shale.contracts.resources.meta import Metadata
from shale.runtime.decision import Do, Done, Forget, Look
from shale.runtime.service import Woken
from shale.runtime.told import Said, Told
from shale.watcher.forget import DropFinalizer, Seen, decide

ABOUT = About("model", "team-a", "resnet", "uid-1", 2)
WISH, GONE = Declared(ABOUT.at(1), ModelSpec(), ""), Gone(ABOUT)
HELD, RELEASED = Held(ABOUT.whole(), "image-builder"), Released(ABOUT.whole(), "image-builder")
ANOTHER = Held(ABOUT.whole(), "storage-provisioner")
THERE = Model(Metadata(name="resnet", namespace="team-a", uid="uid-1", finalizers=("other/one", FINALIZER)))
LET_GO = Model(msgspec.structs.replace(THERE.metadata, finalizers=("other/one",)))

READ = 40
"""Up to where the facts were read."""


def seen(*facts, obj: Model | None = THERE, stale=False):
    return Seen(Told(ABOUT, tuple(Said(fact) for fact in facts), up_to=READ), obj, stale)


DROP = Do(DropFinalizer(("other/one",)))
TABLE = {
    "nothing, while it is wanted": (seen(WISH), Done()),
    "nothing, while it is wanted and held": (seen(WISH, HELD), Done()),
    "nothing, while somebody holds something": (seen(WISH, GONE, HELD), Done()),
    "nothing, while one of two has not released": (seen(WISH, GONE, HELD, ANOTHER, RELEASED), Done()),
    "nothing, while somebody holds something of what is not there": (seen(WISH, GONE, HELD, obj=None), Done()),
    "lets go of what nobody ever held": (seen(WISH, GONE), DROP),
    "lets go of what was never declared": (seen(GONE), DROP),
    "lets go of what is released": (seen(WISH, GONE, HELD, RELEASED), DROP),
    "then purges what was said of it": (seen(WISH, GONE, HELD, RELEASED, obj=LET_GO), Do(Forget(READ))),
    "purges what was said of what is not there": (seen(WISH, GONE, obj=None), Do(Forget(READ))),
    "purges a wish that was told late": (seen(WISH, GONE, obj=None), Do(Forget(READ))),
    "purges a release that was told late": (seen(RELEASED, GONE, obj=None), Do(Forget(READ))),
    "leaves the end itself, which blocks late holds": (seen(GONE, obj=None), Done()),
    "looks again when the object changed under its hands": (seen(WISH, GONE, stale=True), Do(Look())),
}


@pytest.mark.parametrize(("looked", "decision"), TABLE.values(), ids=TABLE.keys())
def test_forget(looked, decision):
    assert decide(Woken(ABOUT), looked) == decision
