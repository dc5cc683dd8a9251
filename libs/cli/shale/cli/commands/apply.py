"""`shale apply`: manifests become objects; each is told apart as created, configured or unchanged."""

import msgspec

from shale.cli import documents, door
from shale.cli.common import Common
from shale.cli.documents import Document, Tree
from shale.cli.exits import CliError, Exit
from shale.cli.kinds import DEFAULT_NAMESPACE
from shale.cli.mine import users
from shale.cli.screen import line, say
from shale.contracts.resources import Object
from shale.kube import manifests
from shale.kube.resources import Conflict, Invalid, Missing, Resources

MANAGER = "shale-cli"
"""Who applied a field: what a manifest leaves out the next time goes."""


class Options(msgspec.Struct, frozen=True):
    """`file`: files, folders or `-`; `dry_run`: check everything, write nothing."""

    file: list[str]
    namespace: str = ""
    dry_run: bool = False


class Applied(msgspec.Struct, frozen=True, rename="camel"):
    """What became of one manifest."""

    kind: str
    namespace: str
    name: str
    generation: int
    result: str


def run(common: Common, options: Options) -> int:
    """Apply every document, also after one that is refused, and say what became of each."""
    return door.run(_run(common, options, documents.read(options.file)))


async def _run(common: Common, options: Options, found: list[Document]) -> int:
    refused: list[str] = []
    async with door.resources(common) as resources:
        for document in found:
            try:
                _show(common, await apply(resources, document, options.namespace, dry_run=options.dry_run), options)
            except CliError as error:
                refused.append(str(error))
    if refused:
        raise CliError("; ".join(refused))
    return Exit.OK


async def apply(resources: Resources, document: Document, namespace: str = "", *, dry_run: bool = False) -> Applied:
    """Apply one manifest; `namespace` is for one that names none. Raises CliError with the document's place."""
    tree = users(_placed(document, namespace))
    said = manifests.read(tree)
    if isinstance(said, Invalid):
        raise CliError(f"{document.where}: {said.message}")
    before = await resources.get(said.kind, said.metadata.namespace, said.metadata.name)
    match await resources.apply(tree, MANAGER, dry_run=dry_run):
        case Invalid(message) | Conflict(message):
            who = f"{said.kind.word} {said.metadata.namespace}/{said.metadata.name}"
            raise CliError(f"{document.where}: {who}: {message}")
        case after:
            meta = after.metadata
            result = _result(before, after)
            return Applied(after.kind.lower(), meta.namespace, meta.name, meta.generation, result)


def _placed(document: Document, namespace: str) -> Tree:
    """Return the manifest with its namespace."""
    metadata = document.tree.get("metadata")
    if not isinstance(metadata, dict):
        return document.tree
    own = metadata.get("namespace")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if own and namespace and own != namespace:
        raise CliError(f"{document.where}: metadata.namespace is {own}, -n says {namespace}: leave one of them out")
    return {**document.tree, "metadata": {"namespace": namespace or DEFAULT_NAMESPACE, **metadata}}


def _result(before: Object | Missing, after: Object) -> str:
    if isinstance(before, Missing) or before.metadata.uid != after.metadata.uid:
        return "created"
    return "unchanged" if _said(before) == _said(after) else "configured"


def _said(obj: Object) -> tuple[object, ...]:
    """Return what a manifest can change of an object."""
    meta = obj.metadata
    return obj.spec, meta.labels, meta.annotations, meta.finalizers, meta.owner_references


def _show(common: Common, applied: Applied, options: Options) -> None:
    if common.machine:
        line(msgspec.to_builtins(applied), common.output)
    else:
        dry = " (dry run)" if options.dry_run else ""
        say(f"{applied.kind} {applied.namespace}/{applied.name} {applied.result}{dry}")
