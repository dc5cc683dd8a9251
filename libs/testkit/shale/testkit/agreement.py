"""The two judges of a manifest: a real API server, and the embedded store with the same schema and rules."""

from typing import Any

from shale.contracts.resources import GROUP, KINDS, VERSION, Kind
from shale.contracts.schema import structural
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Conflict, Invalid
from shale.testkit.apiserver import ApiServer
from shale.testkit.bucket import MemoryBucket
from shale.testkit.samples import Manifest


def rules(schema: dict[str, Any]) -> set[str]:
    """Return every rule's message."""
    mine = {rule["message"] for rule in schema.get("x-kubernetes-validations", ())}
    return mine.union(*(rules(below) for below in schema.get("properties", {}).values()))


MESSAGES = set[str]().union(*(rules(structural(kind.resource)) for kind in KINDS.values()))
"""The message of every rule of every kind."""


class Judge(ApiServer):
    """An API server that knows our kinds; one before 1.25 drops the rules without a word."""

    def verdict(self, kind: Kind, manifest: Manifest) -> str:
        """Apply a manifest as kubectl does; return what the server has against it, or nothing."""
        meta = manifest["metadata"]
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{meta['namespace']}/{kind.plural}/{meta['name']}"
        code, answer = self.call("PATCH", f"{path}?fieldManager=user&force=true&fieldValidation=Strict", manifest)
        return "" if code in {200, 201} else answer["message"]


async def verdicts(server: Judge, *manifests: Manifest) -> tuple[bool, set[str]]:
    """Apply all in turn to both judges; they must agree on each. Return the last verdict and which rules were broken.

    Raises AssertionError when they do not.
    """
    embedded = EmbeddedResources(MemoryBucket())
    theirs, ours = "", ""
    for manifest in manifests:
        kind = KINDS[manifest["kind"].lower()]
        said = await embedded.apply(manifest, "user")
        ours = said.message if isinstance(said, Invalid | Conflict) else ""
        theirs = server.verdict(kind, manifest)
        if bool(ours) != bool(theirs):
            raise AssertionError(f"{manifest}\nthe server: {theirs or 'yes'}\nembedded: {ours or 'yes'}")
    broken = {message for message in MESSAGES if message in ours}
    if not broken <= {message for message in MESSAGES if message in theirs}:
        # the server asks some rules even of what has the wrong shape; what we say, it says
        raise AssertionError(f"{manifests[-1]}\nthe server: {theirs}\nembedded: {ours}")
    return not ours, broken
