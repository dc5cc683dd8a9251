"""What the rest of the house knows of storage-provisioner."""

from shale.contracts.facts import Declared, Gone, Held, ImageBuilt, Progressed, Refused, Released, StorageReady
from shale.runtime.service import Card, Touch

_KEPT = ("persistentvolumes", "persistentvolumeclaims", "pods", "services")
_KEEPS = ("get", "list", "create", "delete")
"""What it takes to make a thing, to see how it stands, and to take it away."""
_CHANGED = ("persistentvolumes", "persistentvolumeclaims", "services")
"""What a newer wish adopts, and where last words are noted."""

CARD = Card(
    name="storage-provisioner",
    does="finds or makes a place where packers can read the weights, and takes it down when nobody reads any more",
    kinds=("modelversion",),
    hears=(Declared, ImageBuilt, Refused, Gone),
    says=(Held, StorageReady, Released, Refused, Progressed),
    ends=(StorageReady,),
    touches=(Touch("", _KEPT, _KEEPS), Touch("", _CHANGED, ("patch",)), Touch("", ("events",), ("list",))),
    tidies=True,
)
CARDS = (CARD,)
