"""`shale up`: NATS and all services on this machine, until interrupted."""

import asyncio
import os
import signal
import time

import msgspec

from shale.cli import cluster, door
from shale.cli.common import Common, given_kubeconfig, registry_dir
from shale.cli.exits import Exit
from shale.cli.local import services
from shale.cli.local.home import State
from shale.cli.local.stack import Plan, up
from shale.cli.screen import line, note, say


class Options(msgspec.Struct, frozen=True):
    """`port` of NATS, `workers` of builder-sync, `models` that may be read, `kubeconfig` of a cluster to serve."""

    port: int | None = None
    workers: int = 2
    models: tuple[str, ...] = ()
    kubeconfig: str = ""


def run(common: Common, options: Options) -> int:
    """Keep everything up; an interrupt or SIGTERM ends all of it, and that is how it is meant to end."""
    readable = services.roots(options.models)
    kubeconfig = given_kubeconfig(options.kubeconfig, os.environ)
    plan = Plan(common.place, registry_dir(common, os.environ), options.port, options.workers, readable, kubeconfig)
    door.interruptible()
    door.run(_up(common, plan))
    return Exit.OK


async def _up(common: Common, plan: Plan) -> None:
    began = time.monotonic()
    if plan.kubeconfig:
        await cluster.check(plan.kubeconfig)
    async with up(plan, note) as state:
        stop = asyncio.Event()
        for sign in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(sign, stop.set)
        _show(common, state, time.monotonic() - began)
        await stop.wait()
        note("ending all that was started")


def _show(common: Common, state: State, seconds: float) -> None:
    if common.machine:
        line(msgspec.to_builtins(state), common.output)
        return
    for one in state.processes:
        say(f"{one.name:<24} pid {one.pid}")
    say(f"ready in {seconds:.1f} s: NATS at {state.nats_url}, images in {state.registry}, logs in {state.logs}")
    shale = "kubectl" if state.kubeconfig else "shale"
    say(f"next, in another terminal: {shale} apply -f deploy/samples && {shale} get mv -A -w    (end with Ctrl-C)")
