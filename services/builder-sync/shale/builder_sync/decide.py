"""What builder-sync does next: its specification."""

import msgspec

from shale.builder_sync.known import Blob, Known, is_small, is_to_be_proven
from shale.builder_sync.results import Listed, Refusal, Stall
from shale.contracts.artifact import PackedLayer
from shale.contracts.facts import LayerPacked, Scanned
from shale.contracts.jobs import Job, PackLayer, ScanArtifact, place
from shale.runtime.decision import Decision, Do, Done, Refuse, Wait

A_DAY = 86_400.0
AGAIN = 2.0
"""Seconds until it is looked again whether another worker is done: the registry sends no facts."""


class Find(msgspec.Struct, frozen=True):
    """Look for the blob that a layer is known to be, and mount it from one of the places where it lay."""

    job: PackLayer
    blob: Blob
    places: tuple[str, ...] = ()


class Pack(msgspec.Struct, frozen=True):
    """Read the layer and send it; with `hash_first` it is read twice, and sent only if it is not there.

    What it was known to be, and turns out to be, is mounted from one of the `places` where that lay. It `may_lie` there
    already where nothing is known of it: then the repository is asked for one like it, which is hashed first as well.
    """

    job: PackLayer
    hash_first: bool
    places: tuple[str, ...] = ()
    may_lie: bool = False


Effect = ScanArtifact | Find | Pack


class Seen(msgspec.Struct, frozen=True):
    """What came of the job so far, and what is known of its layer."""

    result: Listed | PackedLayer | Refusal | Stall | None = None
    now: float = 0
    known: Known = Known()
    sought: bool = False
    """Whether what it is known to be was looked for, in vain."""


def decide(job: Job, seen: Seen) -> Decision:
    """Do the job, and say what came of it; what somebody must mend first is looked at again."""
    match job, seen.result:
        case ScanArtifact(), None:
            return Do(job)
        case PackLayer(), None:
            return _pack(job, seen)
        case _, Stall() as stall:
            return _wait(seen, stall)
        case _, Refusal(reason, message):
            return Refuse(reason, f"{message}: {job.about.retry}")
        case ScanArtifact(), Listed((), (), ()):
            cure = "put the weights there, or make a version with other globs"
            empty = f"{place(job)} holds no files that include and exclude let through: {cure}"
            return _wait(seen, Stall("EmptySource", empty))
        case ScanArtifact(about, part), Listed(files, small, checkpoints):
            return Done((Scanned(about, part, files, small, checkpoints),))
        case PackLayer(about, part), PackedLayer() as layer:
            return Done((LayerPacked(about, part, layer),))
        case _:
            raise TypeError(f"{type(seen.result).__name__} is no result of {type(job).__name__}")


def _pack(job: PackLayer, seen: Seen) -> Decision:
    """Read nothing that is known; let one worker at the same bytes; send at once what is probably nowhere."""
    known, doubted = seen.known, seen.known.blob is not None and is_to_be_proven(job, seen.known.blob)
    if known.blob is not None and not doubted and not seen.sought:
        return Do(Find(job, known.blob, known.places))
    if known.busy is not None and seen.now < known.busy.until:
        what = f"another worker packs the bytes of {job.layer.name!r} just now: done once, they serve both"
        return Wait("PackedElsewhere", what, until=known.busy.until, again_in=AGAIN)
    first = not seen.sought and (is_small(job.layer) or known.candidate or doubted)
    return Do(Pack(job, first, known.places if first else (), may_lie=not (first or seen.sought)))


def _wait(seen: Seen, stall: Stall) -> Wait:
    return Wait(stall.reason, stall.message, until=seen.now + A_DAY, again_in=stall.again_in, stalled=True)
