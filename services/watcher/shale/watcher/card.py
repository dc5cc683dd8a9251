"""What the rest of the house knows of the watcher.

Announce stands between two doors, the others are cards like any other.
"""

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
from shale.contracts.resources import GROUP, KINDS
from shale.contracts.streams import CLAIM, OBJECTS
from shale.runtime.service import Card, Touch

_PLURALS = tuple(kind.plural for kind in KINDS.values())
_KINDS = (
    Touch(GROUP, _PLURALS, ("get", "list", "watch", "patch")),
    Touch(GROUP, (KINDS["model"].plural,), ("create",)),
    Touch(GROUP, tuple(f"{plural}/status" for plural in _PLURALS), ("patch",)),
    # Who makes an owner that blocks its dependents' deletion is asked for this right on the owner.
    Touch(GROUP, tuple(f"{plural}/finalizers" for plural in _PLURALS), ("update",)),
    Touch("events.k8s.io", ("events",), ("create", "patch")),  # patch: one that comes back is counted
)

ANNOUNCE = Card(
    name="announce",
    does="tells what users declare, and what is gone",
    kinds=("model", "modelversion"),
    says=(Declared, Gone),
    buckets=(CLAIM.name, OBJECTS.name),
    touches=_KINDS,
)
SCRIBE = Card(
    name="scribe",
    does="folds milestones and readings into an object's status",
    kinds=("modelversion",),
    hears=(
        *(Declared, Held, StorageReady, Scanned, ScanRefused, LayersPlanned, LayerPacked, LayerRefused, LayerLost),
        *(ImageBuilt, Refused, Released, Gone),
        Wanted,  # one that was told late, of what is gone or outlived, is purged too
    ),
    reads=(Progressed,),
    folds=True,
    purges=True,
)
FORGET = Card(
    name="forget",
    does="lets go of an object once everyone who held something of it has undone that",
    kinds=("model", "modelversion"),
    hears=(Declared, Gone, Released),  # Declared: one that was told late, after the end, is purged too
    folds=True,
    purges=True,
)
MAKER = Card(
    name="maker",
    does="makes the Model that a first version asks for, and gives it its versions",
    kinds=("modelversion",),
    hears=(Wanted, Declared),  # Declared: of what is known, nobody wants its Model again
    purges=True,
)
CARDS = (ANNOUNCE, SCRIBE, FORGET, MAKER)
