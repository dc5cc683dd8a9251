"""What the rest of the house knows of image-builder."""

from shale.contracts.facts import (
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayerLost,
    LayerPacked,
    LayerRefused,
    LayersPlanned,
    Progressed,
    Refused,
    Released,
    Scanned,
    ScanRefused,
    StorageReady,
    Wanted,
)
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.streams import CLAIM
from shale.runtime.service import Card

CARD = Card(
    name="image-builder",
    does="claims the tag, plans layers, asks for each, joins them into an image",
    kinds=("modelversion",),
    hears=(Declared, StorageReady, Scanned, ScanRefused, LayerPacked, LayerRefused, Gone),
    says=(Held, Wanted, LayersPlanned, LayerLost, ImageBuilt, Released, Refused, Progressed),
    asks=(ScanArtifact, PackLayer),
    ends=(ImageBuilt,),
    buckets=(CLAIM.name,),
)
CARDS = (CARD,)
