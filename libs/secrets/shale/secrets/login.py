"""What a service asks for: the credential for one repository on behalf of one object, for the length of one job."""

import datetime as dt

import msgspec

from shale.secrets.ambient import Ambient
from shale.secrets.choose import credentials_for, is_google
from shale.secrets.cloud import acr, ecr, google
from shale.secrets.cloud.endpoints import Endpoints
from shale.secrets.credentials import AzurePrincipal, Basic, Bearer, Credential, EcrKeys, IdentityToken
from shale.secrets.secret import Refused, Secret, Secrets


class Login:
    """The door to Secrets, and the clouds that give a credential for what lies in one. It keeps nothing."""

    def __init__(self, secrets: Secrets, ambient: Ambient | None = None, endpoints: Endpoints | None = None) -> None:
        self.secrets = secrets
        self.ambient = ambient or Ambient()
        self.endpoints = endpoints or Endpoints()

    def credential(self, namespace: str, name: str, host: str, repo: str) -> Credential | Refused | None:
        """Return the credential of the Secret `name` for `host/repo`; None when nobody gave one, and none is needed.

        Call it at the start of a job and again after a 401. Without a name the machine's own identity counts, where the
        operator allows it. Blocks; raises Transient.
        """
        if not name:
            return self._own(namespace, host, repo)
        match self.secrets.get(namespace, name):
            case Secret() as secret:
                return self._of(secret, host, repo)
            case refused:
                return refused

    def _own(self, namespace: str, host: str, repo: str) -> Credential | Refused | None:
        if not (is_google(host) and self.ambient.allows(namespace, host, repo)):
            return None
        return google.token(host, self.endpoints)

    def _of(self, secret: Secret, host: str, repo: str) -> Credential | Refused | None:
        match credentials_for(secret, host, repo):
            case EcrKeys() as keys:
                return _named(ecr.password(keys, self.endpoints, dt.datetime.now(dt.UTC)), secret)
            case AzurePrincipal() as principal:
                return _named(acr.identity(principal, self.endpoints), secret)
            case found:
                return found


def _named(found: Credential | Refused, secret: Secret) -> Credential | Refused:
    """Let a refusal say whose keys were refused."""
    match found:
        case Basic() | IdentityToken() | Bearer():
            return found
        case refused:
            return msgspec.structs.replace(refused, message=f"{secret}: {refused.message}")
