"""What keeps us out, with the cure. Raised inside, so that it ends any work; `Registry.check` answers it as a value."""

from shale.oci.distribution.credentials import Credential, Login
from shale.oci.refusal import NoAccess


def unauthorized(host: str, held: Credential | None, said: str) -> NoAccess:
    """Nobody was named, or the one who was is not believed."""
    if held is None:
        cure = f"name a Secret for {host} in pushSecretRef"
        return NoAccess("Unauthorized", f"{host} wants to know who we are ({said}): {cure}")
    who = f"the login of {held.user!r}" if isinstance(held, Login) else "the token"
    return NoAccess("Unauthorized", f"{host} does not take {who} ({said}): renew it in its Secret")


def denied(host: str, said: str) -> NoAccess:
    """Who we are is known, and may not."""
    return NoAccess(
        "Denied", f"{host} denies it ({said}): let the user of the Secret push there, or name another Secret"
    )


def not_found(repo: str, cure: str) -> NoAccess:
    """There is no such repository, and a push does not make it."""
    return NoAccess("RepositoryNotFound", f"{repo} is not there: {cure}")


def untrusted(said: str) -> NoAccess:
    """TLS did not prove who answers."""
    return NoAccess("Untrusted", f"{said}: name the registry's CA in registry.caSecretRef")
