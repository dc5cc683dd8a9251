"""What the rest of the house knows of storage-provisioner."""

from shale.contracts.facts import Declared, Progressed, Refused, StorageReady
from shale.runtime.service import Card

CARD = Card(
    name="storage-provisioner",
    does="finds or makes a place where packers can read the weights",
    kinds=("modelversion",),
    hears=(Declared,),
    says=(StorageReady, Refused, Progressed),
    ends=(StorageReady,),
)
CARDS = (CARD,)
