"""The laws of the door to resources: a list, what a watch tells after it, and both as one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from shale.contracts.resources import ModelVersionStatus
from shale.kube.resources import Changed, Deleted, Listing, Resources
from shale.kube.watch import Interrupted, Synced, changes
from shale.testkit.asking import SOON, applied, take, there
from shale.testkit.samples import HOLD, MODEL, VERSION, model, version


def names(listing: Listing) -> list[str]:
    return sorted(obj.metadata.name for obj in listing.items)


async def test_a_list_holds_one_kind_of_one_namespace(resources, ns):
    await applied(resources, model(ns))
    await applied(resources, version(ns, "mv-1"))
    await applied(resources, version(ns, "mv-2"))
    await applied(resources, version(f"{ns}-b", "mv-3"))
    assert names(await resources.list(VERSION, ns)) == ["mv-1", "mv-2"]
    assert names(await resources.list(MODEL, ns)) == ["resnet"]
    assert {"mv-1", "mv-2", "mv-3"} <= set(names(await resources.list(VERSION)))


async def test_a_list_holds_nothing_that_is_gone(resources, ns):
    await applied(resources, version(ns))
    await resources.delete(VERSION, ns, "mv-1")
    assert names(await resources.list(VERSION, ns)) == []


async def test_a_list_misses_nothing_that_is_there_all_the_time_while_it_is_written_to(resources, ns):
    made = {(await applied(resources, version(ns, f"mv-{number}"))).metadata.name for number in range(12)}
    writing = True

    async def write() -> int:
        written = 0
        while writing:
            written += 1
            for name in sorted(made):
                await applied(resources, version(ns, name, annotations={"written": str(written)}))
        return written

    writer = asyncio.ensure_future(write())
    for _ in range(10):
        assert set(names(await resources.list(VERSION, ns))) == made
    writing = False
    assert await writer > 0


async def test_after_a_list_that_was_written_to_meanwhile_a_watch_ends_up_where_the_objects_are(resources, ns):
    made = [await applied(resources, version(ns, f"mv-{number}")) for number in range(6)]

    async def write() -> None:
        for obj in made:
            await applied(resources, version(ns, obj.metadata.name, spec={"attempt": 1}))

    listing, _ = await asyncio.gather(resources.list(VERSION, ns), write())
    stand = {obj.metadata.name: obj for obj in listing.items}
    wanted = {obj.metadata.name: obj for obj in (await resources.list(VERSION, ns)).items}
    async with aclosing(following(resources, ns, listing.resource_version)) as watch:
        while stand != wanted:
            (change,) = await take(watch, 1)
            stand[change.object.metadata.name] = change.object


async def following(resources: Resources, ns: str, start: str | None = None) -> AsyncGenerator[Changed | Deleted]:
    """The changes of one namespace: others write to a shared cluster too."""
    begin = start or (await resources.list(VERSION)).resource_version
    async with aclosing(resources.watch(VERSION, begin)) as watch:
        async for change in watch:
            assert isinstance(change, Changed | Deleted)
            if change.object.metadata.namespace == ns:
                yield change


async def test_a_watch_tells_everything_after_its_resource_version_once_and_in_order(resources, ns):
    await applied(resources, version(ns, "before"))
    start = (await resources.list(VERSION)).resource_version
    made = [await applied(resources, version(ns, f"mv-{number}")) for number in range(5)]
    async with aclosing(following(resources, ns, start)) as watch:
        assert await take(watch, 5) == [Changed(obj) for obj in made]
        last = await applied(resources, version(ns, "last"))
        assert await take(watch, 1) == [Changed(last)]


async def test_a_watch_continues_from_the_resource_version_of_any_object(resources, ns):
    made = [await applied(resources, version(ns, f"mv-{number}")) for number in range(4)]
    async with aclosing(following(resources, ns, made[1].metadata.resource_version)) as watch:
        assert await take(watch, 2) == [Changed(obj) for obj in made[2:]]


async def test_a_watch_that_is_read_tells_birth_spec_status_metadata_and_death(resources, ns):
    async with aclosing(following(resources, ns, (await resources.list(VERSION)).resource_version)) as watch:
        obj = await applied(resources, version(ns))
        assert await take(watch, 1) == [Changed(obj)]
        obj = await applied(resources, version(ns, spec={"attempt": 1}))
        assert await take(watch, 1) == [Changed(obj)]
        obj = await there(resources.apply_status(obj, ModelVersionStatus(phase="Packing")))
        assert await take(watch, 1) == [Changed(obj)]
        obj = await there(resources.edit_metadata(obj, finalizers=(HOLD,)))
        assert await take(watch, 1) == [Changed(obj)]
        obj = await there(resources.delete(VERSION, ns, "mv-1"))
        assert await take(watch, 1) == [Changed(obj)]
        await resources.edit_metadata(obj, finalizers=())
        told = [change for change in await take(watch, 1) if isinstance(change, Deleted)]
        told = told or await take(watch, 1)
    assert [change.object.metadata.uid for change in told] == [obj.metadata.uid]
    assert [type(change) for change in told] == [Deleted]


async def test_what_is_written_in_vain_is_not_told(resources, ns):
    status = ModelVersionStatus(phase="Packing")
    obj = await there(resources.apply_status(await applied(resources, version(ns)), status))
    async with aclosing(following(resources, ns, obj.metadata.resource_version)) as watch:
        await applied(resources, version(ns))
        await there(resources.apply_status(obj, status))
        await resources.apply(version(ns, spec={"layout": "zip"}), "user")
        await resources.apply(version(ns, "dry"), "user", dry_run=True)
        last = await applied(resources, version(ns, "last"))
        assert await take(watch, 1) == [Changed(last)]


async def test_the_deletion_of_one_and_the_birth_of_its_namesake_are_both_told(resources, ns):
    old = await applied(resources, version(ns))
    async with aclosing(following(resources, ns, old.metadata.resource_version)) as watch:
        await resources.delete(VERSION, ns, "mv-1")
        gone_first = await take(watch, 1)
        new = await applied(resources, version(ns))
        assert await take(watch, 1) == [Changed(new)]
    assert [(type(change), change.object.metadata.uid) for change in gone_first] == [(Deleted, old.metadata.uid)]


async def told(stream: AsyncGenerator[Any], ns: str, count: int) -> list[Any]:
    """The next so many things that are of this namespace, or of the stream itself."""
    said: list[Any] = []
    async with asyncio.timeout(SOON):
        while len(said) < count:
            one = await anext(stream)
            if isinstance(one, Synced | Interrupted) or one.object.metadata.namespace == ns:
                said.append(one)
    return said


async def test_changes_tell_what_is_there_then_synced_then_what_happens(resources, ns):
    one = await applied(resources, version(ns, "one"))
    async with aclosing(changes(resources, VERSION)) as stream:
        first, synced = await told(stream, ns, 2)
        assert first == Changed(one)
        assert isinstance(synced, Synced)
        assert one.metadata.uid in synced.uids
        two = await applied(resources, version(ns, "two"))
        assert await told(stream, ns, 1) == [Changed(two)]
        await resources.delete(VERSION, ns, "one")
        (last,) = await told(stream, ns, 1)
    assert isinstance(last, Deleted)
    assert last.object.metadata.uid == one.metadata.uid


async def test_changes_tell_the_end_of_one_before_the_birth_of_its_namesake(resources, ns):
    old = await applied(resources, version(ns))
    async with aclosing(changes(resources, VERSION)) as stream:
        await told(stream, ns, 2)
        await resources.delete(VERSION, ns, "mv-1")
        new = await applied(resources, version(ns))
        end, birth = await told(stream, ns, 2)
    assert isinstance(end, Deleted)
    assert end.object.metadata.uid == old.metadata.uid
    assert birth == Changed(new)
