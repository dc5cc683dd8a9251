"""`shale run SERVICE`: one service in this process, for an installation that is up here or that somebody else runs."""

import asyncio
import os

import msgspec

from shale.cli.common import Common, kubeconfig, nats_url, registry_dir
from shale.cli.exits import Exit
from shale.cli.local import services
from shale.runtime import process
from shale.runtime.installed import program_of


class Options(msgspec.Struct, frozen=True):
    """`models`: what may be read, `/models=DIR` each."""

    service: str
    models: tuple[str, ...] = ()


def run(common: Common, options: Options) -> int:
    """Run it until SIGTERM or an interrupt. LookupError names the services that there are."""
    build = program_of(options.service)
    url, registry = nats_url(common, os.environ), registry_dir(common, os.environ)
    told = services.told(url, registry, services.roots(options.models), kubeconfig(common, os.environ))
    environ = {**os.environ, **told}
    asyncio.run(process.run(options.service, build, environ))
    return Exit.OK
