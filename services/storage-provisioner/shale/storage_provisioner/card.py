"""What the rest of the house knows of storage-provisioner."""

from shale.contracts.facts import Declared, Progressed, Refused, StorageReady
from shale.runtime.service import Card, Touch

_KEEPS = ("get", "list", "watch", "create", "patch", "delete")
"""What it takes to make a thing by server-side apply, to see how it stands, and to take it away."""

CARD = Card(
    name="storage-provisioner",
    does="finds or makes a place where packers can read the weights",
    kinds=("modelversion",),
    hears=(Declared,),
    says=(StorageReady, Refused, Progressed),
    ends=(StorageReady,),
    touches=(Touch("", ("persistentvolumes", "persistentvolumeclaims", "pods"), _KEEPS),),
)
CARDS = (CARD,)
