"""What an object leaves behind, by name: what its holders said, or would have, from what was told of it. Pure."""

from collections.abc import Iterable

from shale.contracts.facts import Fact, Held, ImageBuilt, LayerPacked, LayersPlanned, Released
from shale.contracts.resources import ModelVersionSpec
from shale.runtime.told import Told

MOST = 20
"""Blobs that are named one by one; the rest is counted."""


def would_leave(holder: str, told: Told) -> tuple[str, ...]:
    """Return what stays when this holder never undoes what it made."""
    match holder:
        case "image-builder":
            return _of_image(told)
        case "storage-provisioner":
            return (f"persistentvolume shale-{told.about.uid}, and what mounts it",)
        case _:
            return (f"whatever {holder} made for {told.about.kind} {told.about.namespace}/{told.about.name}",)


def _of_image(told: Told) -> tuple[str, ...]:
    images = [said.fact for said in told.said if isinstance(said.fact, ImageBuilt)]
    named = [f"{image.image}@{image.digest}" for image in images]
    wish = told.declared.spec if told.declared else None
    repo = wish.image_repo if isinstance(wish, ModelVersionSpec) else ""
    plan = told.one(LayersPlanned)
    claims = [f"the claim on {repo}:{plan.tag} (free for whoever asks next)"] if plan and repo else []
    return (*dict.fromkeys(named), *([] if named else _blobs(repo, told)), *claims)


def _blobs(repo: str, told: Told) -> list[str]:
    """Return the layers that were packed for an image that never came."""
    packed = [f"the blob {repo}@{fact.layer.digest}" for fact in told.all(LayerPacked)]
    return packed[:MOST] + ([f"{len(packed) - MOST} more blobs of {repo}"] if len(packed) > MOST else [])


def were_left(facts: Iterable[Fact]) -> dict[str, tuple[str, ...]]:
    """Return what each holder said that it left, of those that left anything."""
    return {fact.part: fact.left for fact in facts if isinstance(fact, Released) and fact.left}


def all_released(facts: Iterable[Fact]) -> bool:
    """Say whether everyone who held something has said what became of it."""
    told = list(facts)
    held = {fact.part for fact in told if isinstance(fact, Held)}
    return held <= {fact.part for fact in told if isinstance(fact, Released)}
