"""`shale login-check`: whether pull and push would work, as whom, and how the registry is spoken to."""

import os
from typing import Any, Literal

import msgspec

from shale.cli import identity, images, registries
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit, usage
from shale.cli.identity import Identity
from shale.cli.registries import Reach, Store, opened
from shale.cli.screen import line, say
from shale.contracts.errors import Transient
from shale.oci import names
from shale.oci.profiles import DISTRIBUTION, Profile, profile_of
from shale.oci.refusal import NoAccess

Way = Literal["pull", "push"]


class Options(msgspec.Struct, frozen=True):
    """A repository or an image of it; `wanted` of both ways."""

    image: str
    wanted: Literal["pull", "push", "both"] = "both"
    secret: str = ""
    insecure: bool = False


class Checked(msgspec.Struct, frozen=True):
    """What was found: empty words where a way is open."""

    repository: str
    registry: str
    profile: str
    identity: Identity
    closed: dict[Way, str]

    def __str__(self) -> str:
        """Return it in one line."""
        ways = "; ".join(f"{way} {f'fails: {why}' if why else 'works'}" for way, why in self.closed.items())
        return f"{self.repository}: {ways}; as {self.identity}; registry {self.registry} ({self.profile})"


def run(common: Common, options: Options) -> int:
    """Check, without leaving anything behind. Exit code 1 when a way that is wanted is closed."""
    repo = _repository(options.image)
    reach = Reach(options.secret, options.insecure)
    store = opened(common, repo, reach)
    host, _ = registries.host_of(common, repo, os.environ)
    profile = profile_of(host) if host else None
    ways: tuple[Way, ...] = ("pull", "push") if options.wanted == "both" else (options.wanted,)
    closed: dict[Way, NoAccess | Transient | None] = {way: _closed(store, repo, way) for way in ways}
    checked = _checked(store, repo, identity.whose(common, repo, reach), profile, closed)
    if common.machine:
        line(_tree(checked), common.output)
        return Exit.FAILED if any(checked.closed.values()) else Exit.OK
    if any(checked.closed.values()):
        raise CliError(str(checked))
    say(str(checked))
    return Exit.OK


def _repository(text: str) -> str:
    """Return the repository of `REPO`, `REPO:TAG` or `REPO@DIGEST`. Raises CliError (usage)."""
    try:
        return names.repository(text)
    except ValueError as error:
        try:
            return images.parse(text).repo
        except CliError:
            raise usage(str(error)) from None


def _closed(store: Store, repo: str, way: Way) -> NoAccess | Transient | None:
    try:
        return store.registry.check(repo, push=way == "push")
    except Transient as error:
        return error


def _checked(
    store: Store, repo: str, who: Identity, profile: Profile | None, found: dict[Way, NoAccess | Transient | None]
) -> Checked:
    """Put it into words; where a push makes the repository, nothing to pull yet is no fault."""
    pushes = "push" in found and found["push"] is None
    closed: dict[Way, str] = {}
    for way, why in found.items():
        new = way == "pull" and isinstance(why, NoAccess) and why.reason == "RepositoryNotFound"
        closed[way] = "" if new and pushes and (profile or DISTRIBUTION).creates else _words(why)
    return Checked(repo, store.where, profile.name if profile else "a folder of layouts", who, closed)


def _words(why: NoAccess | Transient | None) -> str:
    return f"{why.reason}: {why.message}" if isinstance(why, NoAccess) else str(why or "")


def _tree(checked: Checked) -> dict[str, Any]:
    ways = {way: {"works": not why, **({"why": why} if why else {})} for way, why in checked.closed.items()}
    return {
        "repository": checked.repository,
        "registry": checked.registry,
        "profile": checked.profile,
        "identity": msgspec.to_builtins(checked.identity),
        **ways,
    }
