"""Of what cannot be read the announcer tells the end, by its metadata."""

import pytest

from shale.contracts.resources import FINALIZER, KINDS
from shale.testkit.asking import until
from shale.testkit.veiled import VeiledResources

NS = "team-a"


async def told(street, *words):
    async def said():
        return sorted(street.said())

    await until(said, lambda now: now == sorted(words))


@pytest.mark.parametrize("seen_before", [True, False], ids=["seen before", "never seen"])
async def test_the_end_of_what_cannot_be_read_is_told_once_it_is_being_deleted(street, seen_before):
    version = await street.version(finalizers=[FINALIZER])
    resources = VeiledResources(street.bucket)
    if not seen_before:
        resources.veiled.add("mv-1")
    async with street.announcing(resources):
        if seen_before:
            await told(street, "1 declared")
            resources.veiled.add("mv-1")
        await street.delete(version)
        await told(street, *(["1 declared"] if seen_before else []), "gone")


async def test_what_is_being_deleted_and_cannot_be_read_when_the_watcher_starts_is_told_gone(street):
    await street.delete(await street.version(finalizers=[FINALIZER]))
    async with street.announcing(VeiledResources(street.bucket, "mv-1")):
        await told(street, "gone")


async def test_the_end_of_what_could_never_be_read_and_nobody_held_is_told(street):
    await street.version()
    async with street.announcing(VeiledResources(street.bucket, "mv-1")) as announcer:
        await street.version("mv-2")
        await told(street, "1 declared")
        await street.resources.delete(KINDS["modelversion"], NS, "mv-1")
        await told(street, "1 declared", "gone")
        assert not announcer.gone
