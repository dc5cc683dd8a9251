"""What every kind has: metadata as Kubernetes keeps it, conditions as kstatus reads them, and CEL rules as data."""

from typing import Annotated, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(max_length=1024)]
Name = Annotated[str, msgspec.Meta(max_length=63)]
Globs = Annotated[str, msgspec.Meta(max_length=1024)]


class Rule(msgspec.Struct, frozen=True):
    """One `x-kubernetes-validations` entry: core CEL only, so that the API server and the embedded store agree."""

    rule: str
    message: str


class OwnerReference(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Who an object is deleted with."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class Metadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The part of ObjectMeta that Shale reads or writes; times are RFC 3339, `resource_version` is opaque."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Unreadable(msgspec.Struct, frozen=True):
    """What lies in an object's place and cannot be read: `message` is one line with the cause and the cure.

    `metadata` is whole where the store vouches for it, else without a uid: then it may be anybody's.
    """

    kind: str
    metadata: Metadata
    message: str


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """One condition; `reason` is CamelCase, `message` names the object, the cause and the cure."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: Annotated[str, msgspec.Meta(max_length=32768)] = ""
    last_transition_time: str = ""
    observed_generation: int = 0


def immutable(*fields: str) -> tuple[Rule, ...]:
    """Return one rule per optional camelCase field of the same object: what it says at creation, it says for ever.

    A rule on the field itself would not fire when the field is added or removed (spike-findings, b).
    """
    return tuple(
        Rule(
            f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})",
            f"{field} is immutable: make a new object instead",
        )
        for field in fields
    )


DNS_LABEL = Rule(
    "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    "metadata.name must be a DNS label: at most 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit",
)
