"""The Model of a first version: made when a version asks for it, once per version; its versions are deleted with it.

Who comes when its Model is there already was given to it when it was held (announcer).
"""

import logging

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Released, Wanted
from shale.contracts.resources import KINDS, Model, ModelVersion
from shale.contracts.resources.meta import Metadata
from shale.kube.resources import Invalid, Missing, Resources
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision, Do, Done, Look, Wait
from shale.runtime.service import Trigger
from shale.runtime.told import Told
from shale.watcher.adopt import adoption, is_settled
from shale.watcher.card import MAKER

log = logging.getLogger("shale.watcher")

SOON, A_DAY = 2.0, 86_400.0


class Seen(msgspec.Struct, frozen=True):
    """The version, and the Model that it names."""

    version: ModelVersion | None
    model: Model | None
    now: float
    stale: bool = False
    trouble: str = ""
    """Why the Model cannot be made or read."""
    wanted: bool = True
    """Somebody asked for it, or would have: of a version that had its end the bus may have forgotten that."""


class MakeModel(msgspec.Struct, frozen=True):
    """Make the Model that the version names."""


class Adopt(msgspec.Struct, frozen=True):
    """Give the version to its Model."""


def decide(trigger: Trigger, seen: Seen) -> Decision:
    """Make the Model if it is not there, and give it the version, once."""
    del trigger
    if seen.stale:
        return Do(Look())
    version, model = seen.version, seen.model
    if not seen.wanted or version is None or is_settled(version):
        return Done()
    if seen.trouble:
        return Wait("ModelRefused", seen.trouble, until=seen.now + A_DAY)
    if model is None:
        return Do(MakeModel())
    if model.metadata.deletion_timestamp:
        message = f"waits until the old model {model.metadata.name} is gone"
        return Wait("ModelDeleting", message, until=seen.now + 60, again_in=SOON)
    return Do(Adopt())


def _named(version: ModelVersion | None) -> str:
    return f"{version.metadata.namespace}/{version.metadata.name}" if version else ""


class Maker:
    """The card and its functions, over the door to resources."""

    card = MAKER

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return the version of that very uid, and its Model."""
        del trigger
        about, wish = told.about, told.declared
        wanted = told.one(Wanted) is not None or (wish is not None and wish.known is not None)
        if not wanted:
            return Seen(None, None, told.now, wanted=False)
        version = await self.resources.get(KINDS[about.kind], about.namespace, about.name)
        if not isinstance(version, ModelVersion) or version.metadata.uid != about.uid:
            return Seen(None, None, told.now)
        model = await self.resources.get(KINDS["model"], about.namespace, version.spec.model_name)
        if isinstance(model, Missing):
            return Seen(version, None, told.now, trouble=model.message if model.unreadable else "")
        return Seen(version, model if isinstance(model, Model) else None, told.now)

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        return decide(trigger, seen)

    async def perform(self, effect: MakeModel | Adopt, seen: Seen, beat: Beat) -> Seen:
        """Make or adopt; then look again, unless the store refuses it: a version's name for its Model may be odd."""
        del beat
        refused = None
        if seen.version is not None:
            match effect:
                case MakeModel():
                    refused = await self._make(seen.version)
                case Adopt():
                    refused = await self._adopt(seen.version, seen.model)
        if isinstance(refused, Invalid):
            log.warning("no model", extra={"version": _named(seen.version), "error": refused.message})
            return msgspec.structs.replace(seen, trouble=refused.message)
        return msgspec.structs.replace(seen, stale=True)

    async def _make(self, version: ModelVersion) -> object:
        meta = Metadata(name=version.spec.model_name, namespace=version.metadata.namespace)
        return await self.resources.create(Model(metadata=meta))

    async def _adopt(self, version: ModelVersion, model: Model | None) -> object:
        if model is None:
            return None
        given = adoption(version, model)
        return await self.resources.edit_metadata(
            version, owner_references=given.owner_references, annotations=given.annotations
        )

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing."""
        del told
        return Released(about.whole(), self.card.name)
