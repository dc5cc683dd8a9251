"""What every command is told: where the state lies, which NATS, how to print."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from shale.cli.exits import usage
from shale.cli.local.home import Home
from shale.kube import choose

Output = Literal["table", "wide", "json", "yaml"]

DEFAULT_NATS = "nats://127.0.0.1:4222"


class Common(msgspec.Struct, frozen=True):
    """The options that all commands share."""

    home: str = ""
    nats: str = ""
    output: Output = "table"
    debug: bool = False

    @property
    def place(self) -> Home:
        """The home: `--home`, else SHALE_HOME, else `.shale` here."""
        return Home(Path(self.home or os.environ.get("SHALE_HOME") or ".shale").absolute())

    @property
    def machine(self) -> bool:
        """Whether a program reads the output."""
        return self.output in {"json", "yaml"}


def nats_url(common: Common, environ: Mapping[str, str]) -> str:
    """Return which NATS to speak to: `--nats`, else SHALE_NATS_URL, else the one of `shale up`, else the usual one."""
    if "@" in common.nats:
        raise usage("--nats holds credentials, which every user of this machine can read: set SHALE_NATS_URL instead")
    state = None if common.nats or environ.get("SHALE_NATS_URL") else common.place.state()
    return common.nats or environ.get("SHALE_NATS_URL") or (state.nats_url if state else DEFAULT_NATS)


def registry_dir(common: Common, environ: Mapping[str, str]) -> Path:
    """Return the registry's folder: SHALE_LAYOUT_DIR, else the one of `shale up`, which outlives it."""
    given = environ.get("SHALE_LAYOUT_DIR")
    state = None if given else common.place.state()
    return Path(given or (state.registry if state else common.place.registry)).absolute()


def given_kubeconfig(given: str, environ: Mapping[str, str]) -> str:
    """Return the absolute path of a kubeconfig, `given` or SHALE_KUBECONFIG; empty: no cluster. Raises CliError."""
    try:
        place = choose.cluster(given or environ.get("SHALE_KUBECONFIG") or choose.NONE, {})
    except ValueError as error:
        raise usage(str(error)) from error
    return str(Path(place.kubeconfig).absolute()) if place else ""


def kubeconfig(common: Common, environ: Mapping[str, str]) -> str:
    """Return whose objects commands speak of; empty: those on NATS, as `--nats` says.

    SHALE_KUBECONFIG's, else those that the `shale up` of this home serves.
    """
    if common.nats:
        return ""
    state = None if environ.get("SHALE_NATS_URL") else common.place.state()
    return given_kubeconfig("", environ) or (state.kubeconfig if state else "")
