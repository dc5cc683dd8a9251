"""Everything that can be asked: imperative, for exactly one worker, self-contained (a worker needs no other fact)."""

from typing import Any

import msgspec

from shale.contracts.about import About
from shale.contracts.artifact import Layer
from shale.contracts.facts import LayerPacked, LayerRefused, Scanned, ScanRefused, StorageReady
from shale.contracts.resources import Registry


class ScanArtifact(msgspec.Struct, frozen=True, rename="camel"):
    """List what lies at `uri`; ends in `Scanned` or `ScanRefused`.

    `include` and `exclude` are globs, comma-separated.
    """

    about: About
    part: str
    uri: str
    include: str = ""
    exclude: str = ""
    title: str = ""
    """How its user names what lies there; empty where the URI says it."""


class PackLayer(msgspec.Struct, frozen=True, rename="camel"):
    """Read one layer's contents from `uri`, frame them as a tar, put the blob into `repo`.

    Ends in `LayerPacked` or `LayerRefused`.
    """

    about: About
    part: str
    uri: str
    repo: str
    layer: Layer
    include: str = ""
    exclude: str = ""
    push_secret: str = ""
    registry: Registry = Registry()
    title: str = ""
    """How its user names what lies at `uri`; empty where that says it."""


Job = ScanArtifact | PackLayer

JOBS: tuple[type[Job], ...] = (ScanArtifact, PackLayer)

DONE: dict[type[Job], type[Scanned | LayerPacked]] = {ScanArtifact: Scanned, PackLayer: LayerPacked}
"""The milestone that ends a job when it went well; it carries the job's part."""

_REFUSED: dict[type[Job], type[ScanRefused | LayerRefused]] = {ScanArtifact: ScanRefused, PackLayer: LayerRefused}

OTHER_END: dict[type[Any], type[Any]] = {
    one: other for job in JOBS for one, other in ((DONE[job], _REFUSED[job]), (_REFUSED[job], DONE[job]))
}
"""What a job's end must not be told beside: of one part exactly one of the two, whichever comes first."""


def place(of: Job | StorageReady) -> str:
    """Return the place that is read, as its user names it."""
    return of.title or of.uri


def title(job: Job) -> str:
    """Return what a job is about, as a person names it: the file or the folder."""
    match job:
        case ScanArtifact():
            return f"the listing of {place(job)}"
        case PackLayer():
            return f"the layer {job.layer.name!r} of {place(job)}"


def ends(job: type[Job]) -> tuple[type[Scanned | LayerPacked | ScanRefused | LayerRefused], ...]:
    """Return the milestones of which exactly one ends a job of this kind."""
    return DONE[job], _REFUSED[job]


def refusal(job: Job, reason: str, message: str) -> ScanRefused | LayerRefused:
    """Return the milestone that ends `job` badly."""
    return refused(type(job), job.about, job.part, reason, message)


def refused(kind: type[Job], about: About, part: str, reason: str, message: str) -> ScanRefused | LayerRefused:
    """Return the milestone that ends a job badly of which no more than this is known: its body cannot be read."""
    return _REFUSED[kind](about=about, part=part, reason=reason, message=message)
