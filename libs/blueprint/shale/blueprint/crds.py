"""A kind's CustomResourceDefinition, whole, as one would have written it by hand."""

from typing import Any

from shale.contracts.resources import GROUP, VERSION, Column, Kind
from shale.contracts.schema import structural

Manifest = dict[str, Any]


def crd(kind: Kind) -> Manifest:
    """Return the CustomResourceDefinition of `kind`: one version, namespaced, status apart from spec."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.word,
                "shortNames": [kind.short],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> Manifest:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "schema": {"openAPIV3Schema": structural(kind.resource)},
    }


def _column(column: Column) -> Manifest:
    said: Manifest = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**said, "priority": column.priority} if column.priority else said
