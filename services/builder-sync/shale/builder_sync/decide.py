"""What builder-sync does next: its specification."""

import msgspec

from shale.builder_sync.results import Listed, Refusal, Stall
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import LayerPacked, Scanned
from shale.contracts.jobs import Job, PackLayer, ScanArtifact, place
from shale.runtime.decision import Decision, Do, Done, Refuse, Wait

A_DAY = 86_400.0


class Seen(msgspec.Struct, frozen=True):
    """What came of the job so far."""

    result: Listed | PackedLayer | Refusal | Stall | None = None
    now: float = 0


def decide(job: Job, seen: Seen) -> Decision:
    """Do the job, and say what came of it; what somebody must mend first is looked at again."""
    match job, seen.result:
        case _, None:
            return Do(job)
        case _, Stall() as stall:
            return _wait(seen, stall)
        case _, Refusal(reason, message):
            return Refuse(reason, f"{message}: {job.about.retry}")
        case ScanArtifact(), Listed((), ()):
            cure = "put the weights there, or make a version with other globs"
            empty = f"{place(job)} holds no files that include and exclude let through: {cure}"
            return _wait(seen, Stall("EmptySource", empty))
        case ScanArtifact(about, part), Listed(files, small):
            return Done((Scanned(about, part, files, small),))
        case PackLayer(about, part), PackedLayer() as layer:
            return Done((LayerPacked(about, part, layer),))
        case _:
            raise TypeError(f"{type(seen.result).__name__} is no result of {type(job).__name__}")


def _wait(seen: Seen, stall: Stall) -> Wait:
    return Wait(stall.reason, stall.message, until=seen.now + A_DAY, again_in=stall.again_in, stalled=True)
