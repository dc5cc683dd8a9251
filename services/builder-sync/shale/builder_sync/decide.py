"""What builder-sync does next: its specification."""

import msgspec

from shale.builder_sync.results import Listed, Refusal
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import LayerPacked, Scanned
from shale.contracts.jobs import Job, PackLayer, ScanArtifact
from shale.runtime.decision import Decision, Do, Done, Refuse


class Seen(msgspec.Struct, frozen=True):
    """What came of the job so far."""

    result: Listed | PackedLayer | Refusal | None = None


def decide(job: Job, seen: Seen) -> Decision:
    """Do the job, and say what came of it."""
    match job, seen.result:
        case _, None:
            return Do(job)
        case _, Refusal(reason, message):
            return Refuse(reason, message)
        case ScanArtifact(about, part), Listed(files, small):
            return Done((Scanned(about, part, files, small),))
        case PackLayer(about, part), PackedLayer() as layer:
            return Done((LayerPacked(about, part, layer),))
        case _:
            raise TypeError(f"{type(seen.result).__name__} is no result of {type(job).__name__}")
