"""Names as Kubernetes spells them: checked here, because they become keys."""

import re

from shale.contracts.resources.meta import Metadata

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_ANNOTATIONS = 256 * 1024
"""Bytes of all annotations together, as the API server counts them."""
_SHAPE = "is not of the form [prefix.example/]name: use letters, digits, '-', '_' and '.', at most 63"

_NO_LABEL = "is no DNS label: use at most 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit"
_NO_VALUE = "is no label value: use at most 63 letters, digits, '-', '_' and '.', or an annotation"


def is_label(name: str) -> bool:
    """Say whether `name` is a DNS label (RFC 1123): 1 to 63 of a-z, 0-9 and '-'."""
    return _LABEL.fullmatch(name) is not None


def is_segment(name: str) -> bool:
    """Say whether `name` can be a part of a path, as the name of any kind must."""
    return name not in {"", ".", ".."} and not {"/", "%"} & set(name)


def complaints(metadata: Metadata) -> list[str]:
    """Say what the API server would refuse in names, labels and annotations."""
    said = [
        f"metadata.{field} {name!r} {_NO_LABEL}"
        for field, name in (("name", metadata.name), ("namespace", metadata.namespace))
        if not is_label(name)
    ]
    said += [f"metadata.labels: the key {key!r} {_SHAPE}" for key in metadata.labels if not _KEY.fullmatch(key)]
    said += [
        f"metadata.annotations: the key {key!r} {_SHAPE}" for key in metadata.annotations if not _KEY.fullmatch(key)
    ]
    said += [
        f"metadata.labels.{key} {value!r} {_NO_VALUE}"
        for key, value in metadata.labels.items()
        if not _VALUE.fullmatch(value)
    ]
    if sum(len(key.encode()) + len(value.encode()) for key, value in metadata.annotations.items()) > _ANNOTATIONS:
        said.append(f"metadata.annotations hold more than {_ANNOTATIONS} bytes: keep them elsewhere")
    if sum(ref.controller for ref in metadata.owner_references) > 1:
        said.append("metadata.ownerReferences name more than one controller: set controller on one at most")
    return said
