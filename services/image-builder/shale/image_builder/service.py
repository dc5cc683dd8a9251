"""image-builder: from a wish and a place with weights to an image, through jobs that others do."""

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Released
from shale.contracts.resources import ModelVersionSpec
from shale.image_builder.card import CARD
from shale.image_builder.claims import Claims
from shale.image_builder.decide import decide
from shale.image_builder.observe import levels
from shale.image_builder.perform import claim, publish
from shale.image_builder.seen import Claimed, ClaimTag, Effect, PublishImage, Seen, candidates
from shale.oci.registry import Registry
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.service import Trigger
from shale.runtime.told import Told


class ImageBuilder:
    """The card and its three functions, over two doors: the claims on tags, and the registry."""

    card = CARD

    def __init__(self, claims: Claims, registry: Registry) -> None:
        self.claims, self.registry = claims, registry

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return what was told, and the tag if it is claimed."""
        del trigger
        seen = levels(told, self.card.name)
        if seen.plan is not None or seen.storage is None:
            return seen
        for tag in candidates(seen.spec, seen.about.uid):
            owner, _ = await self.claims.find(seen.spec.image_repo, tag)
            if owner is not None and owner.uid == seen.about.uid:
                return msgspec.structs.replace(seen, tag=Claimed(tag))
        return seen

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        return decide(trigger, seen)

    async def perform(self, effect: Effect, seen: Seen, beat: Beat) -> Seen:
        """Claim a tag, or publish the image."""
        del beat
        match effect:
            case ClaimTag():
                return await claim(self.claims, self.registry, seen, effect)
            case PublishImage():
                return await publish(self.claims, self.registry, seen, effect)

    async def release(self, about: About, told: Told) -> Released:
        """Free the tags; the image stays in the registry, and is named as left."""
        wish = told.declared
        if wish is not None and isinstance(wish.spec, ModelVersionSpec):
            for tag in candidates(wish.spec, about.uid):
                await self.claims.give_up(wish.spec.image_repo, tag, about.uid)
        left = (f"{told.built.image}@{told.built.digest}",) if told.built else ()
        return Released(about.whole(), self.card.name, left)
