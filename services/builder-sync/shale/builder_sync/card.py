"""What the rest of the house knows of builder-sync."""

from shale.builder_sync.index import WORDS
from shale.builder_sync.places import PREFIX
from shale.contracts.facts import LayerPacked, LayerRefused, Progressed, Scanned, ScanRefused
from shale.contracts.jobs import PackLayer, ScanArtifact
from shale.contracts.streams import CLAIM, INDEX
from shale.runtime.service import Card

CARD = Card(
    name="builder-sync",
    does="lists sources and packs layers: reads, frames as tar, hashes, uploads",
    kinds=("modelversion",),
    takes=(ScanArtifact, PackLayer),
    says=(Scanned, ScanRefused, LayerPacked, LayerRefused, Progressed),
    concurrency=4,  # each holds one block of 1 MiB; hashing and sending leave the interpreter to the others
    keys=((CLAIM.name, PREFIX), *((INDEX.name, word) for word in WORDS)),
)
CARDS = (CARD,)
