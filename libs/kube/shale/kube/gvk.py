"""A kind as manifests name it."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Gvk(msgspec.Struct, frozen=True):
    """Group, version and kind: `Gvk("apps/v1", "Deployment")`."""

    api_version: str
    kind: str

    def __str__(self) -> str:
        """Return `apps/v1 Deployment`."""
        return f"{self.api_version} {self.kind}"


def gvk_of(manifest: Mapping[str, Any]) -> Gvk:
    """Return the kind that a manifest names. Raises KeyError when it names none."""
    return Gvk(manifest["apiVersion"], manifest["kind"])
