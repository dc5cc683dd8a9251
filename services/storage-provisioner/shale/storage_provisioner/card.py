"""What the rest of the house knows of storage-provisioner."""

from shale.contracts.facts import Declared, Progressed, Refused, StorageReady
from shale.runtime.service import Card, Touch

_KEPT = ("persistentvolumes", "persistentvolumeclaims", "pods", "services")
_KEEPS = ("get", "list", "create", "patch", "delete")
"""What it takes to make a thing, to see how it stands, and to take it away."""

CARD = Card(
    name="storage-provisioner",
    does="finds or makes a place where packers can read the weights",
    kinds=("modelversion",),
    hears=(Declared,),
    says=(StorageReady, Refused, Progressed),
    ends=(StorageReady,),
    touches=(Touch("", _KEPT, _KEEPS), Touch("", ("events",), ("get", "list"))),
)
CARDS = (CARD,)
