"""`shale wait`: until objects are as it should be; at once, non-zero, when one cannot become so by itself."""

import asyncio
from contextlib import aclosing

import msgspec

from shale.cli import door
from shale.cli.common import Common
from shale.cli.exits import CliError, Exit
from shale.cli.kinds import DEFAULT_NAMESPACE, Target, targets
from shale.cli.screen import line, say
from shale.contracts.resources import Object
from shale.contracts.resources.meta import Condition
from shale.kube import manifests
from shale.kube.resources import Resources

DELETE = "delete"


class Options(msgspec.Struct, frozen=True):
    """`condition`: a condition's type (`Ready`), or `delete`; `timeout` in seconds."""

    target: list[str]
    namespace: str = ""
    condition: str = "Ready"
    timeout: float = 300

    @property
    def awaited(self) -> str:
        """The condition's type, also of `condition=Ready` as kubectl writes it."""
        return self.condition.removeprefix("condition=")


def run(common: Common, options: Options) -> int:
    """Wait. Exit code 3 after `timeout`, 4 on Stalled."""
    door.run(_run(common, options, targets(options.target, named=True)))
    return Exit.OK


async def _run(common: Common, options: Options, wanted: list[Target]) -> None:
    """Wait for all at the same time; the first one that fails ends the others."""
    async with door.resources(common) as resources:
        waits = [asyncio.ensure_future(_one(common, options, resources, one)) for one in wanted]
        try:
            await asyncio.gather(*waits)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


async def _one(common: Common, options: Options, resources: Resources, wanted: Target) -> None:
    namespace = options.namespace or DEFAULT_NAMESPACE
    obj = await until(resources, wanted, namespace, options.awaited, options.timeout)
    what = f"{wanted.kind.word} {namespace}/{wanted.name}"
    if common.machine:
        line(manifests.of(obj) if obj else {"deleted": what}, common.output)
    else:
        found = condition(obj, options.awaited) if obj else None
        say(f"{what} is {options.awaited}: {found.message}" if found else f"{what} is gone")


async def until(resources: Resources, wanted: Target, namespace: str, awaited: str, timeout: float) -> Object | None:  # noqa: ASYNC109 (the user's)
    """Return the object once the condition is true of its newest spec; None once it is gone. Raises CliError."""
    last: list[Object] = []
    try:
        async with (
            asyncio.timeout(timeout),
            aclosing(door.follow(resources, wanted.kind, namespace, wanted.name)) as seen,
        ):
            async for obj in seen:
                if judge(obj, awaited, f"{wanted.kind.word} {namespace}/{wanted.name}"):
                    return obj
                last[:] = [obj] if obj else []
    except TimeoutError as error:
        state = "gone" if awaited == DELETE else awaited
        what = f"{wanted.kind.word} {namespace}/{wanted.name} is not {state} after {timeout:g} s"
        raise CliError(f"{what}: {_why(last, awaited)}", Exit.TIMED_OUT) from error
    raise CliError(f"the watch of {wanted} ended: wait again")


def judge(obj: Object | None, awaited: str, what: str) -> bool:
    """Say whether the wait is over. Raises CliError when it never will be."""
    if obj is None:
        if awaited != DELETE:
            raise CliError(f"{what} is not there: apply it first, or look with `shale get` in which namespace it is")
        return True
    if awaited == DELETE:
        return False
    if is_true(obj, awaited):
        return True
    if is_true(obj, "Stalled"):
        stalled = condition(obj, "Stalled")
        raise CliError(f"{what} is stalled: {stalled.reason}: {stalled.message}" if stalled else what, Exit.STALLED)
    return False


def is_true(obj: Object, awaited: str) -> bool:
    """Say whether a condition is true of the spec as it is now, not of an earlier one."""
    found = condition(obj, awaited)
    return found is not None and found.status == "True" and found.observed_generation >= obj.metadata.generation


def condition(obj: Object, awaited: str) -> Condition | None:
    """Return one condition of an object."""
    return next((one for one in obj.status.conditions if one.type.lower() == awaited.lower()), None)


def _why(last: list[Object], awaited: str) -> str:
    if not last:
        return "it was not seen"
    if awaited == DELETE:
        return _why_there(last[0])
    ready = condition(last[0], "Ready")
    if ready is None:
        return "nobody wrote its status yet; are the services running? (`shale up`)"
    return f"{ready.reason}: {ready.message}"


def _why_there(obj: Object) -> str:
    if not obj.metadata.deletion_timestamp:
        return "nobody deletes it: `shale delete` does"
    holds = ", ".join(obj.metadata.finalizers) or "its dependents"
    return f"it is being deleted and waits for {holds}; are the services running? (`shale up`)"
