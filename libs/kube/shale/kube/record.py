"""One object as the bucket keeps it: spec as given, status beside it, and whose fields are whose."""

import re
from typing import Any

import msgspec

from shale.contracts.resources import GROUP, KINDS, VERSION, Kind, Object, Spec, Status
from shale.contracts.resources.meta import Metadata
from shale.kube.resources import Unreadable

Tree = dict[str, Any]
Path = tuple[str, ...]


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What lies under a key. `managers` says which fields each one applied; `gone` marks an object that is no more."""

    metadata: Metadata
    spec: Tree
    status: Tree = {}
    managers: dict[str, tuple[Path, ...]] = {}
    gone: bool = False

    @property
    def deleting(self) -> bool:
        """Say whether the object waits for its finalizers."""
        return bool(self.metadata.deletion_timestamp)

    def with_metadata(self, **fields: Any) -> "Record":  # noqa: ANN401 (the fields of Metadata, each with its own type)
        """Return the record with some metadata fields replaced."""
        return msgspec.structs.replace(self, metadata=msgspec.structs.replace(self.metadata, **fields))


_DECODER = msgspec.json.Decoder(Record)
_UID = re.compile(r"[A-Za-z0-9-]{1,64}")
_MOST = 1 << 62
"""No generation is higher."""


def encode(record: Record) -> bytes:
    """Return the bytes of a record."""
    return msgspec.json.encode(record)


def decode(kind: Kind, key: str, value: bytes) -> Record:
    """Parse a record; see that it is an object of that kind under its own key. Raises ValueError with the cause."""
    try:
        record = _DECODER.decode(value)
        to_object(kind, record, 0)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    meta = record.metadata
    if key != f"{kind.word}.{meta.namespace}.{meta.name}":
        raise ValueError(f"it says to be {meta.namespace}/{meta.name}")
    if not _UID.fullmatch(meta.uid) or not 0 < meta.generation < _MOST:
        raise ValueError(f"no object has the uid {meta.uid[:64]!r} and the generation {meta.generation}")
    return record


def plain(struct: msgspec.Struct) -> Tree:
    """Return a Struct as the tree that its JSON is."""
    return msgspec.json.decode(msgspec.json.encode(struct), type=Tree)


def manifest(kind: Kind, record: Record) -> Tree:
    """Return the object as its rules see it: without status."""
    said: Tree = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind.kind, "metadata": plain(record.metadata)}
    return {**said, "spec": record.spec}


def to_object(kind: Kind, record: Record, revision: int) -> Object:
    """Return the typed object; its resourceVersion is the revision it was written at."""
    spec: Spec = msgspec.convert(record.spec, kind.spec)
    status: Status = msgspec.convert(record.status, kind.status)
    metadata = msgspec.structs.replace(record.metadata, resource_version=str(revision))
    return kind.resource(metadata=metadata, spec=spec, status=status)


def kind_of(obj: Object | Unreadable) -> Kind:
    """Return the kind of an object."""
    return KINDS[obj.kind.lower()]
