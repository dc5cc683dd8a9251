"""A Secret's manifest, as the API server answers it and as people write it into a file, read into a Secret."""

import base64
import binascii
from typing import Any

import msgspec

from shale.secrets.hidden import Hidden
from shale.secrets.rules import PREFIX
from shale.secrets.secret import Malformed, Secret

Bytes = dict[str, Hidden[bytes]]


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    kind: str = "Secret"
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    type: str = "Opaque"
    data: dict[str, Any] | None = None
    string_data: dict[str, Any] | None = None


def read(tree: object, namespace: str, name: str) -> Secret | Malformed:
    """Read plain data that stands for the Secret `namespace/name`; `stringData` wins over `data`, as in Kubernetes."""
    whose = f"Secret {namespace}/{name}"
    try:
        manifest = msgspec.convert(tree, _Manifest)
    except msgspec.ValidationError:
        return Malformed(f"{whose}: not the manifest of a Secret: kind, metadata, type, and data or stringData as maps")
    meta = manifest.metadata
    if manifest.kind != "Secret" or (meta.name or name, meta.namespace or namespace) != (name, namespace):
        return Malformed(f"{whose}: the manifest there is of another object: its kind, name or namespace differ")
    data = _data(manifest)
    if isinstance(data, str):
        return Malformed(f"{whose}: {data}")
    return Secret(namespace, name, manifest.type, data, _ours(meta.labels), _ours(meta.annotations))


def _data(manifest: _Manifest) -> Bytes | str:
    """Return what each key holds, or what is wrong with one of them."""
    data: Bytes = {}
    for key, value in (manifest.data or {}).items():
        if (one := _decoded(value)) is None:
            return f"data key {key!r} is not base64"
        data[key] = one
    for key, value in (manifest.string_data or {}).items():
        if not isinstance(value, str):
            return f"stringData key {key!r} is no text: put it in quotes"
        data[key] = Hidden(value.encode())
    return data


def _ours(words: dict[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (words or {}).items() if key.startswith(PREFIX)}


def _decoded(value: object) -> Hidden[bytes] | None:
    """Return the bytes of one key; null is nothing, and long values may be wrapped."""
    if value is None:
        return Hidden(b"")
    try:
        return Hidden(base64.b64decode("".join(value.split()), validate=True)) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None
