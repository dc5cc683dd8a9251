"""Model: a logical model, the parent of its versions."""

from typing import Annotated, ClassVar, get_args

import msgspec

from shale.contracts.openset import words
from shale.contracts.resources.meta import DNS_LABEL, Condition, Metadata, Rule, Text
from shale.contracts.resources.modelversion import Phase


class Display(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How a catalogue shows it."""

    tags: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=63)], ...], msgspec.Meta(max_length=32)] = ()
    logo_url: Text = ""


class ModelSpec(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the user says of a model."""

    description: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    display: Display | None = None


class LatestVersion(msgspec.Struct, frozen=True, rename="camel"):
    """The newest version that has a digest: greatest (creationTimestamp, name), not deleting."""

    model_version: str
    image_name: str
    digest: str


class VersionRow(msgspec.Struct, frozen=True, rename="camel"):
    """One version of the model, as its ModelVersion says; `bytes` of its image."""

    name: str
    model_version: str
    phase: Annotated[str, words(*get_args(Phase))]
    bytes: int = 0


class ModelStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the versions of this model amount to."""

    observed_generation: int = 0
    phase: Annotated[str, words("Ready", "Deleting")] = ""
    latest_version: LatestVersion | None = None
    versions: Annotated[tuple[VersionRow, ...], msgspec.Meta(max_length=100)] = ()
    versions_total: int = 0
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(max_length=20)] = ()


class Model(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A logical model, the parent of its versions: deleting it deletes them."""

    metadata: Metadata
    spec: ModelSpec = ModelSpec()
    status: ModelStatus = ModelStatus()
    api_version: str = "shale.dev/v1alpha1"
    kind: str = "Model"

    rules: ClassVar[tuple[Rule, ...]] = (DNS_LABEL,)


def refers(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """Return the (kind, name) of the objects in the same namespace that this spec names: none yet."""
    del spec
    return ()
