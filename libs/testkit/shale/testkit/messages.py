"""One message of every class, filled in: for tests that look at all of them."""

from typing import Any

from shale.contracts.artifact import File, Layer, PackedLayer, Small
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
from shale.testkit.toys import ABOUT, declared

_FILE = File("model.safetensors", 91_000_000, 0o644, "1-2-3")
_SMALL = Small("config.json", "vocab.txt", 7, 700, "sha256:5")
_LAYER = Layer("0-0123456789ab", "model.safetensors", 91_000_000, (_FILE,), root=True)
_PACKED = PackedLayer("model.safetensors", "weight", "sha256:a", 91_000_512)
_PART = "0-0123456789ab~1"


def messages() -> dict[type[Any], Any]:
    """Return a message of each class that an object of the toy kind may have."""
    whole = ABOUT.whole()
    made = (
        declared(),
        Gone(ABOUT),
        Held(whole, "image-builder"),
        Released(whole, "image-builder", left=("registry.example/m@sha256:i",)),
        Refused(ABOUT, "image-builder", "EmptySource", "/weights holds no files"),
        Wanted(ABOUT, "model~mnist", "model", "mnist"),
        StorageReady(ABOUT, "file:///weights"),
        Scanned(ABOUT, "scan~1", (_FILE,), (_SMALL,)),
        ScanRefused(ABOUT, "scan~1", "UnsafeLink", "a link leaves the tree"),
        LayersPlanned(ABOUT, (_LAYER,), "v1"),
        LayerPacked(ABOUT, _PART, _PACKED),
        LayerRefused(ABOUT, _PART, "SourceChanged", "model.safetensors changed while it was read"),
        LayerLost(ABOUT, _PART, "sha256:a"),
        ImageBuilt(ABOUT, "registry.example/m@sha256:i", "sha256:i", "sha256:m", (_PACKED,)),
        Progressed(ABOUT, f"builder-sync.{_PART}", "Working", bytes_done=1 << 20, attempt=1),
        ScanArtifact(ABOUT, "scan~1", "file:///weights"),
        PackLayer(ABOUT, _PART, "file:///weights", "registry.example/m", _LAYER),
    )
    return {Declared if isinstance(one, Declared) else type(one): one for one in made}
