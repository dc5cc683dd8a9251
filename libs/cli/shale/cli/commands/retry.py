"""`shale retry`: a new try from the start, on record: `spec.attempt` rises by one."""

import msgspec

from shale.cli import door
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.kinds import DEFAULT_NAMESPACE, Target, target
from shale.cli.screen import line, say
from shale.contracts.resources import ModelVersion
from shale.kube.manifests import API_VERSION
from shale.kube.resources import Conflict, Invalid, Missing

MANAGER = "shale-retry"
"""Owns `spec.attempt` alone, so that applying the manifest again does not take it back."""


class Options(msgspec.Struct, frozen=True):
    """The version."""

    target: list[str]
    namespace: str = ""


def run(common: Common, options: Options) -> int:
    """Raise the attempt and say which it is."""
    wanted = target(options.target, named=True)
    if "attempt" not in wanted.kind.spec.__struct_fields__:
        raise usage(f"a {wanted.kind.word} has no attempt: retry one of its versions (shale retry mv/NAME)")
    version = door.run(_retry(common, wanted, options.namespace or DEFAULT_NAMESPACE))
    meta = version.metadata
    said = {"kind": wanted.kind.word, "namespace": meta.namespace, "name": meta.name, "attempt": version.spec.attempt}
    if common.machine:
        line({**said, "generation": meta.generation}, common.output)
    else:
        say(f"{wanted.kind.word} {meta.namespace}/{meta.name} attempt {version.spec.attempt}")
    return Exit.OK


async def _retry(common: Common, wanted: Target, namespace: str) -> ModelVersion:
    async with door.resources(common) as resources:
        version = await resources.get(wanted.kind, namespace, wanted.name)
        if isinstance(version, Missing) or not isinstance(version, ModelVersion):
            raise CliError(f"{wanted.kind.word} {namespace}/{wanted.name} is not there: nothing to retry")
        if version.metadata.deletion_timestamp:
            raise CliError(f"{wanted.kind.word} {namespace}/{wanted.name} is being deleted: make a new one")
        manifest = {
            "apiVersion": API_VERSION,
            "kind": wanted.kind.kind,
            "metadata": {"name": wanted.name, "namespace": namespace, "uid": version.metadata.uid},
            "spec": {"attempt": version.spec.attempt + 1},
        }
        match await resources.apply(manifest, MANAGER):
            case Conflict(message) | Invalid(message):
                raise CliError(message)
            case ModelVersion() as raised:
                return raised
            case other:
                raise TypeError(f"a {other.kind} came back for {wanted}")
