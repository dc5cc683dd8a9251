"""What makes a version its Model's own: pure, the same for one that is held just now and for one that asks later."""

import msgspec

from shale.contracts.resources import Model, ModelVersion
from shale.contracts.resources.meta import OwnerReference

ADOPTED = "shale.dev/model"
"""On a version: the uid of the Model that it was given. A Model that its user deletes afterwards is not made again."""


class Adoption(msgspec.Struct, frozen=True):
    """What is to be written to a version's metadata, together."""

    owner_references: tuple[OwnerReference, ...]
    annotations: dict[str, str]


def is_settled(version: ModelVersion) -> bool:
    """Whether it was given to a Model once, or will be given to none any more."""
    return ADOPTED in version.metadata.annotations or bool(version.metadata.deletion_timestamp)


def adoption(version: ModelVersion, model: Model) -> Adoption:
    """Return what gives the version to the Model; other owners stay."""
    owner = OwnerReference(model.api_version, model.kind, model.metadata.name, model.metadata.uid)
    others = tuple(one for one in version.metadata.owner_references if one.uid != owner.uid)
    return Adoption((*others, owner), {ADOPTED: owner.uid})
