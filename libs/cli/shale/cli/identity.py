"""Who we would be to a registry, and whence that is known. What is secret is never part of it."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shale.cli import registries
from shale.cli.common import Common
from shale.cli.exits import CliError
from shale.cli.registries import Reach
from shale.secrets import dockerconfig
from shale.secrets.credentials import Basic, Bearer, Credential, IdentityToken
from shale.secrets.dockerconfig import Unknown, Wrong
from shale.secrets.hidden import Hidden
from shale.secrets.login import Login
from shale.secrets.opening import open_secrets

ANONYMOUS = "nobody"


class Identity(msgspec.Struct, frozen=True):
    """`who`: a user's name, or what kind of token stands for one; `source`: the Secret or the file that says so."""

    who: str
    source: str

    def __str__(self) -> str:
        """Return `ann, by Secret team-a/push`."""
        return f"{self.who}, by {self.source}" if self.source else self.who


def whose(common: Common, repo: str, reach: Reach, environ: Mapping[str, str] = os.environ) -> Identity:
    """Return who we would be. Raises CliError for a Secret that cannot be used, Transient."""
    host, path = registries.host_of(common, repo, environ)
    if not host:
        return Identity(ANONYMOUS, "")
    target = reach.target(repo)
    if not target.secret:
        return _docker(registries.docker_config(environ), host, path)
    door = Login(open_secrets(registries.settings(common, environ).secrets_dir, environ))
    match door.credential(target.namespace, target.secret, host, path):
        case None | Basic() | IdentityToken() | Bearer() as found:
            return Identity(_name(found), f"Secret {reach.secret}")
        case refused:
            raise CliError(f"{repo}: {refused.reason}: {refused.message}")


def _docker(config: Path, host: str, path: str) -> Identity:
    try:
        data = Hidden(config.read_bytes())
    except OSError:
        return Identity(ANONYMOUS, f"{config}, which is not there")
    match dockerconfig.find(data, host, path):
        case Unknown():
            return Identity(ANONYMOUS, f"{config}, which knows nothing of {host}")
        case Wrong(why):
            return Identity(ANONYMOUS, f"{config}: {why}")
        case found:
            return Identity(_name(found), str(config))


def _name(found: Credential | None) -> str:
    match found:
        case Basic(username):
            return username
        case IdentityToken():
            return "an identity token"
        case Bearer():
            return "an access token"
        case None:
            return ANONYMOUS
