"""The end of a version: its tags are free, and its image is left by name, or deleted. It needs no Secret and no peer.

Who is kept out, or finds nobody there for too long, names what is left: no object waits for its registry for ever.
"""

import time
from datetime import datetime

from shale.contracts.errors import Transient
from shale.contracts.facts import ImageBuilt
from shale.contracts.resources import ModelVersionSpec
from shale.image_builder.claims import Claims
from shale.image_builder.erase import Erasure, erase, noted
from shale.image_builder.hands import Hands
from shale.image_builder.seen import candidates
from shale.oci.distribution.options import pause
from shale.oci.refusal import NoAccess, Refused
from shale.registries.target import Target
from shale.runtime.told import Told

PATIENCE = 600.0
"""Seconds after its object's end in which an image is tried to be deleted from a registry that does not answer."""
ONE_TRY = 60.0
"""Seconds in which one of these tries begins its last request."""


async def let_go(claims: Claims, hands: Hands, target: Target, spec: ModelVersionSpec, told: Told) -> tuple[str, ...]:
    """Undo what is held for an object that is gone; return what is left, by name. Raises Transient."""
    tags = candidates(spec, told.about.uid)
    images = tuple({said.fact.digest: said.fact for said in told.said if isinstance(said.fact, ImageBuilt)}.values())
    left = tuple(f"{image.image}@{image.digest}" for image in images)
    if spec.deletion_policy == "Delete":
        erasure = Erasure(told.about.uid, target.repo, tags, images)
        try:
            left = await _erased(claims, hands, target, erasure)
        except Transient as error:
            if not isinstance(error, Refused) and told.now < _ended(told) + PATIENCE:
                raise
            untold = sorted(await noted(claims, erasure) - erasure.digests())
            left = tuple(f"{name}: {error}" for name in (*left, *(f"{target.repo}@{digest}" for digest in untold)))
    for tag in tags:
        await claims.give_up(target.repo, tag, told.about.uid)
    return left


async def _erased(claims: Claims, hands: Hands, target: Target, erasure: Erasure) -> tuple[str, ...]:
    until = time.monotonic() + ONE_TRY

    def rest(seconds: float) -> None:
        if time.monotonic() + seconds > until:
            raise Transient(f"the registry of {target.repo} does not answer as it should")
        pause(seconds)

    async with hands.open(target, rest) as registry:
        if isinstance(registry, NoAccess):
            raise Refused(registry)
        return await erase(claims, registry, erasure)


def _ended(told: Told) -> float:
    """Return when the end of the object was told, in seconds since the epoch; 0 when nobody says."""
    time_of = next((said.time for said in told.said if said.is_gone), "")
    try:
        return datetime.fromisoformat(time_of).timestamp()
    except ValueError:
        return 0.0
