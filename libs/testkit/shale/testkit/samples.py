"""Manifests and objects as users write them, with what a test does not care about filled in."""

from typing import Any

from shale.contracts.resources import KINDS, Model, Object
from shale.contracts.resources.meta import Metadata, OwnerReference

API_VERSION = "shale.dev/v1alpha1"
MODEL, VERSION = KINDS["model"], KINDS["modelversion"]
HOLD = "shale.dev/forget"

Manifest = dict[str, Any]


def model(namespace: str, name: str = "resnet", **metadata: object) -> Manifest:
    """Return the manifest of a Model."""
    meta = {"name": name, "namespace": namespace, **metadata}
    return {"apiVersion": API_VERSION, "kind": "Model", "metadata": meta, "spec": {"description": "eyes"}}


def version(namespace: str, name: str = "mv-1", spec: Manifest | None = None, **metadata: object) -> Manifest:
    """Return the manifest of a ModelVersion on a local folder; `spec` goes over it, field by field."""
    least: Manifest = {
        "modelName": "resnet",
        "imageRepo": "registry.example/models/resnet",
        "storage": {"localStorage": {"path": "/models/resnet", "nodeName": "node-1"}},
    }
    meta = {"name": name, "namespace": namespace, **metadata}
    return {"apiVersion": API_VERSION, "kind": "ModelVersion", "metadata": meta, "spec": {**least, **(spec or {})}}


def attempt(namespace: str, number: int, name: str = "mv-1") -> Manifest:
    """Return what `shale retry` applies: one field."""
    return {**version(namespace, name), "spec": {"attempt": number}}


def built(namespace: str, name: str = "resnet", **metadata: Any) -> Model:  # noqa: ANN401 (the fields of Metadata)
    """Return a Model as a service makes one."""
    return Model(metadata=Metadata(name=name, namespace=namespace, **metadata))


def owned(owner: Object, *, block: bool = False, controller: bool = False) -> OwnerReference:
    """Return the reference to an owner; with `block` it waits for this dependent in the foreground."""
    meta = owner.metadata
    return OwnerReference(API_VERSION, owner.kind, meta.name, meta.uid, controller, block)
