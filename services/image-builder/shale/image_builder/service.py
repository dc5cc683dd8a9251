"""image-builder: from a wish and a place with weights to an image, through jobs that others do."""

import msgspec

from shale.contracts.about import About
from shale.contracts.facts import Released
from shale.contracts.resources import ModelVersionSpec
from shale.contracts.resources import Registry as Access
from shale.image_builder import release
from shale.image_builder.card import CARD
from shale.image_builder.claims import Claims
from shale.image_builder.decide import decide
from shale.image_builder.hands import Hands
from shale.image_builder.observe import levels
from shale.image_builder.perform import check, claim, publish
from shale.image_builder.seen import CheckAccess, Claimed, ClaimTag, Effect, PublishImage, Seen, candidates
from shale.oci.refusal import NoAccess, Refused
from shale.oci.registry import Registry
from shale.registries.target import Opener, Target
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.service import Trigger
from shale.runtime.told import Told


class ImageBuilder:
    """The card and its three functions, over two doors: the claims on tags, and the registries."""

    card = CARD

    def __init__(self, claims: Claims, registries: Opener) -> None:
        self.claims, self.registries, self.hands = claims, registries, Hands(registries)

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return what was told, whose registry it is, and the tag if it is claimed."""
        del trigger
        seen = levels(told, self.card.name)
        seen = msgspec.structs.replace(seen, host=self.registries.host(seen.spec.image_repo))
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
        """Look for a way in, claim a tag, or publish the image; what keeps us out on the way is seen."""
        try:
            async with self.hands.open(target(seen.about, seen.spec), beat.pause) as registry:
                if isinstance(registry, NoAccess):
                    return msgspec.structs.replace(seen, reached=registry)
                return await self._perform(effect, seen, registry)
        except Refused as refused:
            return msgspec.structs.replace(seen, reached=refused.why)

    async def _perform(self, effect: Effect, seen: Seen, registry: Registry) -> Seen:
        match effect:
            case CheckAccess():
                return await check(registry, seen)
            case ClaimTag():
                return await claim(self.claims, registry, seen, effect)
            case PublishImage():
                return await publish(self.claims, registry, seen, effect)

    async def release(self, about: About, told: Told) -> Released:
        """Free the tags; the image goes where `deletionPolicy` says so, else it is named as left."""
        wish = told.declared
        if wish is None or not isinstance(wish.spec, ModelVersionSpec):
            return Released(about.whole(), self.card.name)
        left = await release.let_go(self.claims, self.hands, target(about, wish.spec), wish.spec, told)
        return Released(about.whole(), self.card.name, left)


def target(about: About, spec: ModelVersionSpec) -> Target:
    """Return where an object's image goes, and as whom."""
    secret = spec.push_secret_ref.name if spec.push_secret_ref else ""
    return Target(spec.image_repo, about.namespace, secret, spec.registry or Access())
