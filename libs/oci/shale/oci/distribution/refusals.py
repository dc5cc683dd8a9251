"""What keeps us out, with the cure. Raised inside, so that it ends any work; `Registry.check` answers it as a value."""

import re

import msgspec

from shale.oci.distribution.credentials import Credential, Login
from shale.oci.refusal import NoAccess

_MISSING = re.compile(
    r"NAME_UNKNOWN|(?<!user )(?<!may )\b(not[ _]found|(does not|doesn't) exist|no such)\b", re.IGNORECASE
)
"""Harbor: `project x not found`; GHCR: `denied: not_found: owner not found`; ECR: `The repository with name ... does
not exist`; Quay: `Namespace does not exist`. Artifact Registry's `(or it may not exist)` leaves it open."""


def missing(said: str) -> bool:
    """Say whether a registry that refuses says by that that there is no such project or repository."""
    return _MISSING.search(said) is not None


class Cures(msgspec.Struct, frozen=True):
    """Where a login comes from: when nobody is named, and when the one who is named is not believed."""

    nobody: str = "name a Secret for it in pushSecretRef"
    refused: str = "renew it in its Secret"


def unauthorized(host: str, held: Credential | None, said: str, cures: Cures) -> NoAccess:
    """Nobody was named, or the one who was is not believed."""
    if held is None:
        return NoAccess("Unauthorized", f"{host} wants to know who we are ({said}): {cures.nobody}")
    who = f"the login of {held.user!r}" if isinstance(held, Login) and held.password else "the token"
    return NoAccess("Unauthorized", f"{host} does not take {who} ({said}): {cures.refused}")


def denied(host: str, said: str) -> NoAccess:
    """Who we are is known, and may not."""
    cure = "let the user of the Secret push there, or name another Secret; some answer so where the project is missing"
    return NoAccess("Denied", f"{host} denies it ({said}): {cure}")


def unknown(host: str, said: str) -> NoAccess:
    """Who refuses says that it knows no such project or repository."""
    cure = "look whether its name is right, and create its project"
    return NoAccess("RepositoryNotFound", f"{host} knows no such repository ({said}): {cure}")


def not_found(repo: str, cure: str) -> NoAccess:
    """There is no such repository, and a push does not make it."""
    return NoAccess("RepositoryNotFound", f"{repo} is not there: {cure}")


def no_registry(host: str, said: str) -> NoAccess:
    """Something else answers there."""
    return NoAccess("NoRegistry", f"{host} {said}, as no registry does: look whether its name and port are right")


def too_large(host: str, doing: str) -> NoAccess:
    """Only smaller bodies pass the registry or a proxy before it, and those will not do."""
    cure = "raise the limit of the registry or of the proxy before it (nginx: client_max_body_size)"
    return NoAccess("TooLarge", f"{host} answers 413 when we {doing}: {cure}")


def too_many_tags(repo: str, most: int) -> NoAccess:
    """More is named there than anybody looks through."""
    cure = "delete those that nobody needs, or push to another repository"
    return NoAccess("TooManyTags", f"{repo} has more than {most} tags: {cure}")


def misled(host: str, where: str) -> NoAccess:
    """Nothing of ours follows there, and no login."""
    return NoAccess("Untrusted", f"{host} leads to {where}")


def untrusted(said: str) -> NoAccess:
    """TLS did not prove who answers."""
    return NoAccess("Untrusted", f"{said}: name the registry's CA in registry.caSecretRef")
