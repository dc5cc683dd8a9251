"""A manifest as a user wrote it -> what it is: its kind, its metadata, its spec as given. Pure."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

import msgspec

from shale.contracts.resources import GROUP, KINDS, VERSION, Kind, Object
from shale.contracts.resources.meta import Metadata
from shale.kube import names, validation
from shale.kube.record import Record, Tree, manifest, plain, to_object
from shale.kube.resources import Invalid

API_VERSION = f"{GROUP}/{VERSION}"
_SERVERS = {
    "managedFields",
    "selfLink",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
}
"""What only the server writes: it comes along when an object is read, edited and applied, and is left out."""


class Manifest(msgspec.Struct, frozen=True):
    """One manifest, its envelope checked; the spec is not: it may be the part of one that a manager applies."""

    kind: Kind
    metadata: Metadata
    spec: Tree


def read(given: Mapping[str, object], namespace: str = "default") -> Manifest | Invalid:
    """Return what `given` is of; `namespace` is for one that names none."""
    try:
        tree = _whole(msgspec.json.decode(msgspec.json.encode(given), type=Tree))
    except UnicodeEncodeError:
        half = "a lone surrogate such as \\ud800, which is half a character"
        return Invalid(f"{_unwritable(given, '')} holds {half}: write the whole character")
    except (TypeError, msgspec.MsgspecError) as error:
        return Invalid(f"the manifest is no JSON object ({error}): write it as YAML or JSON with named fields")
    kind = _kind(tree)
    if isinstance(kind, Invalid):
        return kind
    if isinstance(metadata := tree.get("metadata"), dict):
        tree["metadata"] = {key: value for key, value in metadata.items() if key not in _SERVERS}  # pyright: ignore[reportUnknownVariableType]
    if found := validation.envelope(kind, tree):
        return Invalid("; ".join(found))
    read_metadata = msgspec.convert({"namespace": namespace, **tree["metadata"]}, Metadata)
    if found := names.complaints(read_metadata):
        return Invalid("; ".join(found))
    return Manifest(kind, read_metadata, tree.get("spec", {}))


def parse(given: Mapping[str, object], namespace: str = "default") -> tuple[Kind, Object] | Invalid:
    """Return the kind and the typed object of a whole manifest, checked as at its creation."""
    said = read(given, namespace)
    if isinstance(said, Invalid):
        return said
    record = Record(said.metadata, said.spec)
    if found := validation.complaints(said.kind, manifest(said.kind, record)):
        return Invalid("; ".join(found))
    return said.kind, to_object(said.kind, record, 0)


def of(obj: Object) -> Tree:
    """Return an object as a whole manifest, as one prints it: its Struct leaves out what is a default, its kind too."""
    return {"apiVersion": API_VERSION, "kind": obj.kind, **plain(obj)}


def _unwritable(node: Any, at: str) -> str:  # noqa: ANN401 (any JSON value)
    """Return the path of the first text that UTF-8 cannot write; empty where all can be."""
    below: list[tuple[str, Any]] = []
    if isinstance(node, str):
        return at if node.encode(errors="ignore") != node.encode(errors="replace") else ""
    if isinstance(node, Mapping):
        fields = cast("Mapping[str, Any]", node)
        below = [(f"a field's name in {at or 'the manifest'}", key) for key in fields]
        below += [(f"{at}.{key}" if at else str(key), value) for key, value in fields.items()]
    elif isinstance(node, (list, tuple)):
        below = [(f"{at}[{index}]", value) for index, value in enumerate(cast("list[Any]", node))]
    return next((found for path, value in below if (found := _unwritable(value, path))), "")


def _whole(node: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Return a tree whose whole numbers have no point: JSON Schema takes 1.0 for an integer, a Struct does not."""
    match node:
        case dict():
            return {key: _whole(value) for key, value in node.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [_whole(value) for value in node]  # pyright: ignore[reportUnknownVariableType]
        case float() if node.is_integer():
            return int(node)
        case _:
            return node


def _kind(tree: Tree) -> Kind | Invalid:
    kinds = {kind.kind: kind for kind in KINDS.values()}
    version, word = tree.get("apiVersion"), tree.get("kind")
    if version == API_VERSION and word in kinds:
        return kinds[word]
    near = get_close_matches(str(word), list(kinds), n=1)
    hint = f'; did you mean kind "{near[0]}"?' if near and near[0] != word else ""
    known = ", ".join(kinds)
    return Invalid(
        f'apiVersion "{version}" with kind "{word}" is not known: use apiVersion {API_VERSION} and kind {known}{hint}'
    )
