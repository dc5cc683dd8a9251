"""When an object that is gone may be let go, and what was said of it purged: pure."""

import msgspec

from shale.contracts.resources import FINALIZER, Object
from shale.contracts.resources.meta import Unreadable
from shale.runtime.decision import Decision, Do, Done, Forget, Look
from shale.runtime.service import Trigger
from shale.runtime.told import Told


class Seen(msgspec.Struct, frozen=True):
    """What was told, and the object of that uid if there still is one."""

    told: Told
    object: Object | Unreadable | None
    stale: bool = False


class DropFinalizer(msgspec.Struct, frozen=True):
    """Take our finalizer, and only ours, from the object."""

    finalizers: tuple[str, ...]


def decide(trigger: Trigger, seen: Seen) -> Decision:
    """Once gone and held by nobody: let go of the object, then of what was said of it.

    What is `Gone` stays, and blocks late holds.
    """
    del trigger
    if seen.stale:
        return Do(Look())
    if not seen.told.gone or seen.told.holders:
        return Done()
    finalizers = seen.object.metadata.finalizers if seen.object else ()
    if FINALIZER in finalizers:
        return Do(DropFinalizer(tuple(finalizer for finalizer in finalizers if finalizer != FINALIZER)))
    return Do(Forget(seen.told.up_to)) if any(not said.is_gone for said in seen.told.said) else Done()
