"""What a write makes of a record."""

import msgspec

from shale.contracts.resources import KINDS
from shale.contracts.resources.meta import Metadata
from shale.kube import edits
from shale.kube.manifests import Manifest
from shale.kube.record import Record

NAMED = Metadata(name="mv-1", namespace="team-a")
RECORD = edits.born(Manifest(KINDS["model"], NAMED, {}), "u1", "2026-11-20T12:00:00Z")


def apply(record: Record, manager: str, **said):
    metadata = msgspec.structs.replace(NAMED, labels=said.pop("labels", {}), annotations=said.pop("annotations", {}))
    return edits.applied(record, Manifest(KINDS["model"], metadata, said.pop("spec", {})), manager)


def test_who_says_nothing_of_annotations_labels_or_spec_takes_nothing_of_others():
    said = apply(RECORD, "one", annotations={"a": "1"}, labels={"l": "1"}, spec={"description": "d"})
    after = apply(said, "other")
    assert (after.metadata, after.spec) == (said.metadata, said.spec)


def test_what_a_manager_said_before_and_no_longer_says_goes():
    said = apply(RECORD, "one", annotations={"a": "1"}, spec={"description": "d"})
    after = apply(said, "one")
    assert (after.metadata.annotations, after.spec) == ({}, {})
    assert after.metadata.generation == said.metadata.generation + 1


def test_the_same_again_changes_nothing():
    said = apply(RECORD, "one", annotations={"a": "1"}, spec={"description": "d"})
    assert apply(said, "one", annotations={"a": "1"}, spec={"description": "d"}) == said
