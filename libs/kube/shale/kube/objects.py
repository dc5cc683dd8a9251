"""Our kinds as an API server holds them: where each lies, and what an answer's body is of. Pure but for the log."""

import logging
from typing import cast

import msgspec

from shale.contracts.resources import GROUP, VERSION, Kind, Object
from shale.contracts.resources.meta import Metadata
from shale.kube import answers
from shale.kube.answers import Answer
from shale.kube.manifests import API_VERSION, Manifest
from shale.kube.record import Tree, plain
from shale.kube.records import MOST_WHY
from shale.kube.resources import Conflict, Invalid, Missing, Unreadable

log = logging.getLogger("shale.kube")


class _Head(msgspec.Struct, frozen=True):
    """As much of any object as an API server vouches for."""

    metadata: Metadata


_HEADS = msgspec.json.Decoder(_Head)


def path(kind: Kind, namespace: str | None = None, name: str = "") -> str:
    """Return where one object lies, or all of a namespace, or all."""
    within = f"/namespaces/{namespace}" if namespace is not None else ""
    return f"/apis/{GROUP}/{VERSION}{within}/{kind.plural}" + (f"/{name}" if name else "")


def named(kind: Kind, namespace: str, name: str) -> str:
    """Return an object's name for a person."""
    return f"{kind.word} {namespace}/{name}"


def tree(said: Manifest) -> Tree:
    """Return a manifest as it is sent: what only the server writes was left out when it was read."""
    head = {"apiVersion": API_VERSION, "kind": said.kind.kind}
    return {**head, "metadata": plain(said.metadata), "spec": said.spec}


def read(kind: Kind, body: bytes) -> Object | Unreadable:
    """Parse an object; one that another release's schema allowed is no object of ours, and is logged.

    Raises Transient for what is no object at all: an API server vouches for the metadata of each.
    """
    try:
        return cast("Object", msgspec.json.decode(body, type=kind.resource))
    except (msgspec.DecodeError, RecursionError) as error:
        meta = answers.parsed(_HEADS, body, f"a {kind.word}").metadata
        why = " ".join(str(error).split())[:MOST_WHY]
        log.warning("unreadable", extra={"key": named(kind, meta.namespace, meta.name), "error": why})
        said = f"{named(kind, meta.namespace, meta.name)} cannot be read ({why}): delete it, or update Shale"
        return Unreadable(kind.kind, meta, said)


def done(kind: Kind, answer: Answer, what: str) -> Object | Missing | Conflict | Invalid:
    """Return what came of a write. Raises Transient."""
    said = answers.written(answer, what)
    found = read(kind, said) if isinstance(said, bytes) else said
    return Invalid(found.message) if isinstance(found, Unreadable) else found


def made(kind: Kind, answer: Answer, what: str) -> Object | Conflict | Invalid:
    """Return what came of a write that makes what is not there: then its namespace is missing. Raises Transient."""
    found = done(kind, answer, what)
    return Invalid(f"the namespace of {what} is not there: make it first") if isinstance(found, Missing) else found
