"""The card that forgets: `forget.py` between the bus and the door to resources."""

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Released
from shale.contracts.resources import KINDS
from shale.kube.resources import Conflict, Invalid, Missing, Resources
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.service import Trigger
from shale.runtime.told import Told
from shale.watcher.card import FORGET
from shale.watcher.forget import DropFinalizer, Seen, decide


class Undertaker:
    """The card and its functions, over the door to resources."""

    card = FORGET

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return the object of that very uid, if there still is one; to let it go its metadata is enough."""
        del trigger
        about = told.about
        found = await self.resources.get(KINDS[about.kind], about.namespace, about.name)
        obj = found.unreadable if isinstance(found, Missing) else found
        return Seen(told, None if obj is None or obj.metadata.uid != about.uid else obj)

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        return decide(trigger, seen)

    async def perform(self, effect: DropFinalizer, seen: Seen, beat: Beat) -> Seen:
        """Take the finalizer; who changed the object meanwhile makes us look again."""
        del beat
        if seen.object is None:
            return seen
        match await self.resources.edit_metadata(seen.object, finalizers=effect.finalizers):
            case Conflict() | Missing():
                return msgspec.structs.replace(seen, stale=True)
            case Invalid(message):
                raise ValueError(f"the finalizer of {seen.told.about} was not taken: {message}")
            case _:
                return msgspec.structs.replace(seen, stale=True)

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing."""
        del told
        return Released(about.whole(), self.card.name)
