"""How a test asks the door to resources, and waits for what a cluster does in its own time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

from shale.contracts.resources import KINDS, Model, ModelVersion, Object
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Missing, Resources
from shale.testkit.samples import version

SOON = 60.0
"""Seconds that anything may take."""
TURN = 0.05

T = TypeVar("T")


async def there(answer: Awaitable[object]) -> Any:  # noqa: ANN401 (the test knows which kind)
    """Return the object when the answer is one; else the test ends with what the store said."""
    said = await answer
    if not isinstance(said, Model | ModelVersion):
        raise AssertionError(said)  # noqa: TRY004 (an expectation of the test, not an argument)
    return said


async def applied(resources: Resources, manifest: Mapping[str, Any], manager: str = "user") -> Any:  # noqa: ANN401 (as above)
    """Apply and return the object."""
    return await there(resources.apply(manifest, manager))


async def until(probe: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Ask until the answer is good."""
    answer = await probe()
    for _ in range(int(SOON / TURN)):
        if good(answer):
            return answer
        await asyncio.sleep(TURN)
        answer = await probe()
    raise AssertionError(f"still {answer} after {SOON} s")


async def gone(resources: Resources, obj: Object) -> None:
    """Wait until that very object is gone; a cluster collects by itself, the embedded store when it is swept."""

    async def probe() -> Object | Missing:
        if isinstance(resources, EmbeddedResources):
            await resources.collect()
        return await resources.get(KINDS[obj.kind.lower()], obj.metadata.namespace, obj.metadata.name)

    await until(probe, lambda answer: isinstance(answer, Missing) or answer.metadata.uid != obj.metadata.uid)


async def collector_saw(resources: Resources, namespace: str) -> None:
    """Return when whoever collects knows every version that was made so far.

    It hears of them in order: what belongs to nobody, made last, goes when all before it are known. A cluster's orphans
    what it knows, and collects a dependent that it has not heard of yet.
    """
    nobody = {"apiVersion": "shale.dev/v1alpha1", "kind": "Model", "name": "nobody", "uid": str(uuid4())}
    await gone(resources, await applied(resources, version(namespace, "of-nobody", ownerReferences=[nobody])))


async def take(stream: AsyncGenerator[T], count: int) -> list[T]:
    """Return the next so many of a stream."""
    return [await asyncio.wait_for(anext(stream), SOON) for _ in range(count)]
