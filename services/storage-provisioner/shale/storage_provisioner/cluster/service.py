"""storage-provisioner in a cluster: volumes, and readers of them."""

import datetime as dt

from shale.contracts.about import About
from shale.contracts.facts import Declared, Held, ImageBuilt, LayersPlanned, Refused, Released, StorageReady
from shale.contracts.resources import ModelVersionSpec, ModelVersionStatus
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.service import Trigger
from shale.runtime.told import Told
from shale.storage_provisioner.card import CARD
from shale.storage_provisioner.cluster.decide import decide
from shale.storage_provisioner.cluster.look import whole
from shale.storage_provisioner.cluster.perform import Hands
from shale.storage_provisioner.cluster.placing import Rules, place_of
from shale.storage_provisioner.cluster.seen import Effect, Seen


class ClusterProvisioner:
    """The card and its functions, over one door: the cluster's API server."""

    card = CARD

    def __init__(self, hands: Hands, rules: Rules) -> None:
        self.hands, self.rules = hands, rules

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return what was told of the version, and what is there of it."""
        del trigger
        return await self.hands.look(levels(told, self.rules))

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        return decide(trigger, seen)

    async def perform(self, effect: Effect, seen: Seen, beat: Beat) -> Seen:
        """Change one thing in the cluster."""
        del beat
        return await self.hands.perform(effect, seen)

    async def release(self, about: About, told: Told) -> Released:
        """Delete whatever is there; what a Pod still holds goes when its node lets go, without us."""
        del told
        await self.hands.take_down(await whole(self.hands.cluster, about))
        return Released(about.whole(), self.card.name)


def levels(told: Told, rules: Rules) -> Seen:
    """Return what was told; the loop sees to it that a wish was."""
    wish = told.declared
    if wish is None or not isinstance(wish.spec, ModelVersionSpec):
        raise TypeError(f"{told.about} was declared without a ModelVersion's spec")
    dry = wish.spec.dry_run and told.one(LayersPlanned) is not None
    ended = told.one(ImageBuilt) is not None or told.one(Refused) is not None
    return Seen(
        about=told.about,
        now=told.now,
        age=max(0.0, told.now - _declared_at(told)),
        place=place_of(wish.spec.storage, rules),
        held=told.one(Held, CARD.name) is not None,
        said=told.one(StorageReady) is not None,
        over=ended or dry or isinstance(wish.known, ModelVersionStatus),
    )


def _declared_at(told: Told) -> float:
    """Return when this generation was declared, in seconds since the epoch; what has no time was long ago."""
    wishes = (one for one in told.said if isinstance(one.fact, Declared) and one.fact.about == told.about)
    stamp = next((one.time for one in wishes), "")
    return dt.datetime.fromisoformat(stamp).timestamp() if stamp else 0.0
