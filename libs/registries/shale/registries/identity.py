"""Who we are to one registry, for one job."""

from typing import Protocol

from shale.oci.distribution.credentials import Bearer, Credential, Login
from shale.oci.distribution.credentials import Identity as Exchanged
from shale.oci.refusal import NoAccess, Refused
from shale.registries.target import Target
from shale.secrets import credentials, login, rules, secret
from shale.secrets.credentials import Basic, IdentityToken


class Identity(Protocol):
    """A credential, looked up as often as it is refused, and where it may go."""

    def __call__(self, host: str, *, again: bool) -> Credential | None:
        """See `distribution.credentials.Credentials`. Raises Refused, Transient."""
        ...

    def shown_to(self, realm: str) -> NoAccess | None:
        """Return why a token server (`host`, or `host:port`) must not see the credential; None when it may."""
        ...


class OfObject:
    """What the Secret of an object holds: read when the job begins and again after a refusal, kept nowhere else."""

    def __init__(self, found: credentials.Credential | None, target: Target, again: "Again") -> None:
        self._held, self._target, self._again = found, target, again

    def __call__(self, host: str, *, again: bool) -> Credential | None:
        """See `Identity`."""
        del host
        if again:
            self._held = self._again()
        return sent(self._held)

    def shown_to(self, realm: str) -> NoAccess | None:
        """See `Identity`: the registry's own host, and those that the Secret's owner wrote beside it."""
        if self._held is None or credentials.may_go_to(self._held, realm):
            return None
        if not self._target.secret:
            return NoAccess("Denied", f"the machine's identity is not shown to {realm}: name a Secret in pushSecretRef")
        return no_access(rules.elsewhere(secret.Secret(self._target.namespace, self._target.secret), realm))


class Again(Protocol):
    """How an object's credential is read once more."""

    def __call__(self) -> credentials.Credential | None:
        """Return it. Raises Refused, Transient."""
        ...


class ObjectIdentities:
    """Who objects are: see `registries.Identify`."""

    def __init__(self, door: login.Login) -> None:
        self._door = door

    def __call__(self, target: Target, host: str, path: str) -> OfObject | NoAccess:
        """Return the object's identity; what its Secret lacks is known before anybody is asked."""

        def again() -> credentials.Credential | None:
            return self._found(target, host, path)

        try:
            return OfObject(again(), target, again)
        except Refused as refused:
            return refused.why

    def _found(self, target: Target, host: str, path: str) -> credentials.Credential | None:
        match self._door.credential(target.namespace, target.secret, host, path):
            case None | Basic() | IdentityToken() | credentials.Bearer() as found:
                return found
            case refused:
                raise Refused(no_access(refused))


def sent(held: credentials.Credential | None) -> Credential | None:
    """Return a credential as it goes over the wire."""
    match held:
        case Basic(username, password):
            return Login(username, password.reveal())
        case IdentityToken(token):
            return Exchanged(token.reveal())
        case credentials.Bearer(token):
            return Bearer(token.reveal())
        case None:
            return None


def no_access(refused: secret.Refused) -> NoAccess:
    """Return what is wrong with a Secret as what keeps us out of the registry."""
    return NoAccess(refused.reason, refused.message)
