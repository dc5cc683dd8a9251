"""What image-builder does next: its specification."""

import msgspec

from shale.contracts.artifact import Layer
from shale.contracts.facts import LayerLost, LayersPlanned, Wanted
from shale.contracts.jobs import PackLayer, ScanArtifact, place
from shale.contracts.resources import Registry
from shale.image_builder.seen import (
    CheckAccess,
    Claimed,
    ClaimTag,
    Failed,
    PublishImage,
    Seen,
    Taken,
    candidates,
)
from shale.oci.limits import limits_of
from shale.oci.plan import Unplannable, plan_layers
from shale.oci.refusal import NoAccess
from shale.runtime.decision import Ask, Decision, Do, Done, DropJobs, Hold, Refuse, Say, Wait
from shale.runtime.service import Trigger

WINDOW = 8
"""Parts of one object that are asked at a time, largest first: a 1 TB model starves nobody (events.md)."""
MAX_TRIES = 3
A_DAY = 86_400.0
MAX_PLANNED = 880 * 1024
"""Bytes of a plan, of the 900 KiB that a message may have with its envelope."""
LOOK_AGAIN = 60.0
"""Seconds between two looks at a registry that lets nobody in: neither it nor a Secret sends facts."""
ANOTHER_TAG = "make a version with another imageTag, or without one"


def decide(trigger: Trigger, seen: Seen) -> Decision:
    """See that the registry lets us in, claim the tag, have the source listed, plan; ask for the layers.

    When all are there, join them. What somebody must mend outside the spec is waited for; refused is only what is on
    record for this generation, and each refusal says what to do.
    """
    del trigger
    if not seen.held:
        return Do(Hold())
    if seen.image is not None:
        return Done((seen.image,))
    if isinstance(seen.known, Failed):
        return Refuse(seen.known.reason, seen.known.message)
    if seen.known is not None:
        return Done((seen.known,))
    if (layout := seen.spec.layout) != "files":
        return Refuse(
            "LayoutNotSupported", f"layout: {layout} is not packed by this release; make a version with layout: files"
        )
    if not seen.wanted:
        name = seen.spec.model_name
        return Do(Say((Wanted(about=seen.about, part=f"model~{name}", kind="model", name=name),)))
    if seen.refused is not None:
        return Do(DropJobs()) if seen.asked else Refuse(seen.refused.reason, seen.refused.message)
    if isinstance(seen.reached, NoAccess):
        keeps_out = seen.reached
        until = seen.now + A_DAY
        return Wait(keeps_out.reason, keeps_out.message, until=until, again_in=LOOK_AGAIN, stalled=True)
    return _prepare(seen) if seen.plan is None else _join(seen, seen.plan)


def _prepare(seen: Seen) -> Decision:
    """From a wish to a plan."""
    if seen.storage is None:
        return Wait("Provisioning", "waits for its storage", until=seen.now + A_DAY)
    if isinstance(seen.tag, Taken):
        return _taken(seen, seen.tag)
    spec, storage = seen.spec, seen.storage
    scan = ScanArtifact(seen.about, "all~1", storage.uri, spec.include, spec.exclude, storage.title)
    if scan.part in seen.asked and seen.scan is None:
        return Wait("Scanning", f"lists what lies at {place(storage)}", until=seen.now + A_DAY)
    if seen.reached is None and seen.scan is None:
        return Do(CheckAccess())
    tags = candidates(seen.spec, seen.about.uid)
    if seen.tag is None and not seen.spec.dry_run:
        return Do(ClaimTag(tags))
    if seen.scan is None:
        return Do(Ask((scan,)))
    plan = plan_layers(seen.scan.files, seen.scan.small, limits_of(seen.host))
    if isinstance(plan, Unplannable):
        return Refuse(plan.reason, f"{plan.message}; then {seen.about.retry}")
    tag = seen.tag.tag if isinstance(seen.tag, Claimed) else tags[0]
    return _planned(seen, LayersPlanned(about=seen.about, layers=plan, tag=tag))


def _planned(seen: Seen, plan: LayersPlanned) -> Decision:
    """Say the plan; one that no message can carry names the same files as its listing, some of them twice."""
    if len(msgspec.json.encode(plan)) <= MAX_PLANNED:
        return Do(Say((plan,)))
    what = f"the plan of {len(plan.layers)} layers fills more than {MAX_PLANNED} bytes with the names of its files"
    cure = f"split the model or shorten its paths, then {seen.about.retry}; or make a version that leaves some out"
    return Refuse("TooManyFiles", f"{what}: {cure} with exclude")


def _join(seen: Seen, plan: LayersPlanned) -> Decision:
    """From a plan to an image."""
    if isinstance(seen.tag, Taken):
        return _taken(seen, seen.tag)
    if seen.spec.dry_run:
        return Done()
    if seen.missing:
        return Do(Say(tuple(_lost(seen, plan, part) for part in seen.missing)))
    absent = [layer for layer in plan.layers if layer.part not in seen.packed]
    given_up = [layer for layer in absent if seen.lost.get(layer.part, 0) >= MAX_TRIES]
    if given_up:
        return Refuse(
            "LayerLost",
            f"{MAX_TRIES} times {given_up[0].name} was pushed, and then not in the registry or of another size: "
            f"does it collect garbage while we push, or is its disk damaged? When that is over, {seen.about.retry}",
        )
    if not absent:
        return Do(PublishImage(plan.tag, tuple((layer, seen.packed[layer.part]) for layer in plan.layers)))
    jobs = [_pack(seen, layer) for layer in sorted(absent, key=_largest)]
    unasked = [job for job in jobs if job.part not in seen.asked]
    if wanted := unasked[: max(0, WINDOW - (len(jobs) - len(unasked)))]:
        return Do(Ask(tuple(wanted)))
    return Wait("Packing", "waits for its layers", until=seen.now + A_DAY)


def _pack(seen: Seen, layer: Layer) -> PackLayer:
    spec, storage = seen.spec, seen.storage
    return PackLayer(
        about=seen.about,
        part=f"{layer.part}~{seen.lost.get(layer.part, 0) + 1}",
        uri=storage.uri if storage else "",
        repo=spec.image_repo,
        layer=layer,
        include=spec.include,
        exclude=spec.exclude,
        push_secret=spec.push_secret_ref.name if spec.push_secret_ref else "",
        registry=spec.registry or Registry(),
        title=storage.title if storage else "",
    )


def _lost(seen: Seen, plan: LayersPlanned, part: str) -> LayerLost:
    layer = next(layer for layer in plan.layers if layer.part == part)
    return LayerLost(seen.about, _pack(seen, layer).part, seen.packed[part].digest)


def _largest(layer: Layer) -> tuple[int, str]:
    return -layer.size, layer.part


def _taken(seen: Seen, tag: Taken) -> Refuse:
    cure = f"{ANOTHER_TAG}; or free that tag, then {seen.about.retry}"
    return Refuse("TagTaken", f"{seen.spec.image_repo}:{tag.tag} {tag.by}: {cure}")
