"""What a write makes of a record. Pure: uids and times come in."""

from collections.abc import Iterable, Mapping

import msgspec

from shale.contracts.resources.meta import Metadata, OwnerReference
from shale.kube import merge, names
from shale.kube.manifests import Manifest
from shale.kube.record import Record
from shale.kube.resources import Invalid


def born(said: Manifest, uid: str, now: str) -> Record:
    """Return a new object: generation 1, and of its metadata only what its maker may say."""
    given = said.metadata
    metadata = Metadata(
        name=given.name,
        namespace=given.namespace,
        uid=uid,
        generation=1,
        creation_timestamp=now,
        finalizers=given.finalizers,
        owner_references=given.owner_references,
        labels=given.labels,
        annotations=given.annotations,
    )
    return Record(metadata, said.spec)


def late(record: Record, finalizers: Iterable[str]) -> Invalid | None:
    """Refuse finalizers that would join an object that is being deleted."""
    joined = sorted(set(finalizers) - set(record.metadata.finalizers))
    if not record.deleting or not joined:
        return None
    said = f"metadata.finalizers: {', '.join(joined)} cannot join {record.metadata.name}, which is being deleted"
    return Invalid(f"{said}: only take finalizers out")


def applied(record: Record, said: Manifest, manager: str) -> Record:
    """Return the record as `manager` applies it: a new spec is a new generation, finalizers and owners are joined."""
    old, new = record.metadata, said.metadata
    before = {"spec": record.spec, "labels": old.labels, "annotations": old.annotations}
    given = {"spec": said.spec, "labels": new.labels, "annotations": new.annotations}
    wanted = {part: fields for part, fields in given.items() if fields}  # who says nothing of a part owns nothing in it
    tree, managers = merge.apply(before, record.managers, manager, wanted)
    spec = tree.get("spec", {})
    metadata = msgspec.structs.replace(
        old,
        labels=tree.get("labels", {}),
        annotations=tree.get("annotations", {}),
        finalizers=tuple(dict.fromkeys((*old.finalizers, *new.finalizers))),
        owner_references=tuple({ref.uid: ref for ref in (*old.owner_references, *new.owner_references)}.values()),
        generation=old.generation + (spec != record.spec),
    )
    return msgspec.structs.replace(record, metadata=metadata, spec=spec, managers=managers)


def metadata(
    record: Record,
    finalizers: tuple[str, ...] | None,
    owner_references: tuple[OwnerReference, ...] | None,
    annotations: Mapping[str, str | None] | None,
) -> Record | Invalid:
    """Return the record with what is given replaced (annotations merged); `Invalid` says what may not be."""
    old = record.metadata
    merged = {**old.annotations, **(annotations or {})}
    new = msgspec.structs.replace(
        old,
        finalizers=old.finalizers if finalizers is None else tuple(dict.fromkeys(finalizers)),
        owner_references=old.owner_references if owner_references is None else owner_references,
        annotations={key: value for key, value in merged.items() if value is not None},
    )
    if problem := late(record, new.finalizers):
        return problem
    if found := names.complaints(new):
        return Invalid("; ".join(found))
    return msgspec.structs.replace(record, metadata=new)
