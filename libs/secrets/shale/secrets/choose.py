"""Which credential a Secret has for a repository, by what it holds and where its owner lets that go."""

import re
from collections.abc import Mapping

import msgspec

from shale.secrets import dockerconfig, places, rules
from shale.secrets.credentials import AzurePrincipal, Basic, Bearer, Credential, EcrKeys, Exchange
from shale.secrets.dockerconfig import Unknown, Wrong
from shale.secrets.hidden import Hidden
from shale.secrets.secret import Malformed, NotGranted, Secret

_ECR = re.compile(r"[0-9]{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")
"""Amazon ECR User Guide, "Private registries": aws_account_id.dkr.ecr.region.amazonaws.com."""

_AZURE = re.compile(r"[a-z0-9-]+\.azurecr\.(io|cn|us)")
_GOOGLE = re.compile(r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)")

_VISIBLE = re.compile(r"[!-~]+")


def is_google(host: str) -> bool:
    """Tell whether a host is one of Artifact Registry's."""
    return _GOOGLE.fullmatch(host) is not None


def credentials_for(secret: Secret, host: str, repo: str) -> Credential | Exchange | NotGranted | Malformed | None:
    """Return what the Secret has for a repository on a host (`ghcr.io`, `team/model`).

    None when it says that nothing is needed. A dockerconfigjson goes to its own hosts (and, for a token server
    elsewhere, to those of the annotation); anything else only where the annotation says.
    """
    allowed = rules.hosts(secret)
    if isinstance(allowed, Malformed):
        return allowed
    if config := secret.data.get(dockerconfig.KEY):
        return _of_docker(secret, config, host, repo, tuple(place.host for place in allowed))
    if places.best(allowed, host, repo) is None:
        return rules.elsewhere(secret, host)
    return _of_keys(secret, host, tuple(place.host for place in allowed))


def authority(secret: Secret) -> str | Malformed:
    """Return the certificates (PEM) that `ca.crt` holds, for `registry.caSecretRef`."""
    pem = _texts(secret).get("ca.crt")
    if pem is None or "-----BEGIN CERTIFICATE-----" not in pem.reveal():
        return Malformed(f"{secret}: key 'ca.crt' holds no certificate in PEM")
    return pem.reveal()


def _of_docker(
    secret: Secret, config: Hidden[bytes], host: str, repo: str, also: tuple[str, ...]
) -> Credential | NotGranted | Malformed | None:
    match dockerconfig.find(config, host, repo):
        case Wrong(why):
            return Malformed(f"{secret}: {why}")
        case Unknown(keys):
            held = ", ".join(keys) or "no host"
            return NotGranted(f"{secret} holds credentials for {held}, not for {host}/{repo}: add an entry for {host}")
        case None:
            return None
        case found:
            return msgspec.structs.replace(found, hosts=(*found.hosts, *also))


def _of_keys(secret: Secret, host: str, hosts: tuple[str, ...]) -> Credential | Exchange | Malformed:
    """Return what the keys of an Opaque or basic-auth Secret say, by their usual names."""
    name, held = places.host(host), _texts(secret)
    match held:
        case {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": hidden} if ecr := _ECR.fullmatch(name):
            return EcrKeys(name, ecr[1], key.reveal(), hidden, held.get("AWS_SESSION_TOKEN"))
        case {"AZURE_TENANT_ID": to, "AZURE_CLIENT_ID": who, "AZURE_CLIENT_SECRET": hidden} if _AZURE.fullmatch(name):
            return AzurePrincipal(name, to.reveal(), who.reveal(), hidden)
        case {"key.json": hidden} if is_google(name):
            return Basic("_json_key", hidden, hosts)
        case {"username": user, "password": hidden} if ":" not in user.reveal():
            return Basic(user.reveal(), hidden, hosts)
        case {"token": hidden} if _VISIBLE.fullmatch(hidden.reveal()):
            return Bearer(hidden, hosts)
        case _:
            return _nothing(secret, name)


def _nothing(secret: Secret, host: str) -> Malformed:
    found = ", ".join(sorted(secret.data)) or "nothing"
    wanted = f"{dockerconfig.KEY}, or username and password, or token, or the keys of the cloud that {host} belongs to"
    return Malformed(f"{secret} has no credentials that {host} takes: it holds {found}; give it {wanted}")


def _texts(secret: Secret) -> Mapping[str, Hidden[str]]:
    """Return what is text, without the line break that editors and `echo` leave."""
    found = {key: _text(hidden) for key, hidden in secret.data.items()}
    return {key: hidden for key, hidden in found.items() if hidden}


def _text(hidden: Hidden[bytes]) -> Hidden[str] | None:
    try:
        return Hidden(hidden.reveal().decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        return None
