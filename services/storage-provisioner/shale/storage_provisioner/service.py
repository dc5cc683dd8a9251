"""storage-provisioner: from a storage to a place where the pool can read it."""

from typing import Never

from shale.contracts.about import About
from shale.contracts.facts import Released
from shale.runtime.beat import Beat
from shale.runtime.decision import Decision
from shale.runtime.service import Trigger
from shale.runtime.told import Told
from shale.sources.roots import Roots
from shale.storage_provisioner.card import CARD
from shale.storage_provisioner.decide import Seen, decide
from shale.storage_provisioner.observe import observe


class StorageProvisioner:
    """The card and its functions, over one door: the folders that may be read."""

    card = CARD

    def __init__(self, roots: Roots) -> None:
        self.roots = roots

    async def observe(self, trigger: Trigger, told: Told) -> Seen:
        """Return the version's storage, and where it can be read."""
        del trigger
        return await observe(told, self.roots)

    def decide(self, trigger: Trigger, seen: Seen) -> Decision:
        """Return the next step."""
        return decide(trigger, seen)

    async def perform(self, effect: Never, seen: Seen, beat: Beat) -> Seen:
        """Do nothing: a folder that is there needs nothing made."""
        del seen, beat
        raise TypeError(f"{self.card.name} was asked to perform {effect!r}")

    async def release(self, about: About, told: Told) -> Released:
        """Hold nothing: a folder of the user's stays the user's."""
        del told
        return Released(about.whole(), self.card.name)
