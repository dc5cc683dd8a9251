"""What befalls a watch of a real API server, and that nothing is missed by it."""

import asyncio
from contextlib import aclosing
from uuid import uuid4

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.contracts.resources import GROUP, ModelStatus
from shale.contracts.resources.meta import Condition
from shale.kube import watching
from shale.kube.cluster import ClusterResources
from shale.kube.connection import connected
from shale.kube.resources import Changed, Deleted, Expired, Missing, Obscured, Unreadable
from shale.kube.watch import Interrupted, Synced, changes
from shale.testkit.apiserver import ApiServer
from shale.testkit.asking import SOON, applied, take, there
from shale.testkit.kube import ready
from shale.testkit.samples import HOLD, MODEL, VERSION, model

PATH = "/apis/shale.dev/v1alpha1/models"


@pytest.fixture
def ns():
    return f"team-{uuid4().hex[:8]}"


@pytest.fixture
def hasty(monkeypatch):
    """A watch that breaks is tried once more only before its reader hears of it."""
    monkeypatch.setattr(watching, "RESUMES", 1)


async def run(call, *arguments):
    """Do to the testbed what blocks."""
    await asyncio.to_thread(call, *arguments)


async def in_time(call):
    """Return the answer once there is one: a server that has just started says 429 and 503 for a moment."""
    async with asyncio.timeout(SOON):
        while True:
            try:
                return await call()
            except (Transient, AssertionError):
                await asyncio.sleep(0.1)


async def made(resources, manifest):
    return await in_time(lambda: applied(resources, manifest))


@pytest.fixture(autouse=True)
async def served(resources):
    """The test before may have restarted the server."""
    for kind in (MODEL, VERSION):
        await in_time(lambda kind=kind: resources.list(kind))


async def until_told(stream, wanted):
    """Return what a stream of changes tells until it tells of `wanted`, that included."""
    told = []
    async with asyncio.timeout(SOON):
        async for one in stream:
            told.append(one)
            if wanted(one):
                return told
    raise AssertionError("the changes ended")


def named(name, kind: type[Changed | Deleted | Obscured] = Changed):
    return lambda one: isinstance(one, kind) and one.object.metadata.name == name


async def test_a_server_that_streams_lists_tells_the_same_as_one_that_pages_them(connection, resources, ns):
    assert await watching.streams(connection)
    await made(resources, model(ns, "one"))
    await made(resources, model(ns, "two"))
    streamed, paged = await watching.streamed(connection, PATH), await watching.items(connection, PATH)
    assert streamed is not None

    def known(items):
        return {msgspec.json.decode(item)["metadata"]["uid"] for item in items.items}

    assert known(streamed) == known(paged)
    assert int(streamed.resource_version) > 0


async def test_a_version_that_is_too_old_expires_and_the_changes_begin_again(bed, resources, ns):
    start = (await resources.list(MODEL)).resource_version
    await made(resources, model(ns, "one"))
    async with aclosing(changes(resources, MODEL)) as stream:
        await until_told(stream, named("one"))
        await until_told(stream, lambda one: isinstance(one, Synced))
        await run(bed.expire)
        async with aclosing(resources.watch(MODEL, start)) as watch:
            (told,) = await take(watch, 1)
        assert isinstance(told, Expired)
        await made(resources, model(ns, "two"))
        await until_told(stream, named("two"))


async def test_a_list_goes_on_although_what_it_began_with_is_forgotten(bed, connection, resources, ns, monkeypatch):
    monkeypatch.setattr(watching, "PAGE", 1)
    for number in range(3):
        await made(resources, model(ns, f"m-{number}"))

    class Forgetful:
        """The connection, but the server forgets between two pages."""

        patience = connection.patience
        asked = 0

        async def ask(self, method, path, query):
            self.asked += 1
            if self.asked == 2:
                await run(bed.expire)
            return await connection.ask(method, path, query)

    found = await watching.items(Forgetful(), PATH)  # pyright: ignore[reportArgumentType]
    mine = [msgspec.json.decode(item)["metadata"] for item in found.items]
    assert sorted(meta["name"] for meta in mine if meta["namespace"] == ns) == ["m-0", "m-1", "m-2"]


class Spy:
    """The connection, and which resourceVersions its watches were asked to go on from."""

    def __init__(self, connection):
        self._connection, self.patience = connection, connection.patience
        self.asked = []

    def stream(self, path, query):
        self.asked.append(int(query["resourceVersion"]))
        return self._connection.stream(path, query)


async def test_bookmarks_move_a_silent_watch_on(connection, resources, ns):
    """What it is told of is silent while others are written: without them it would come back with what is too old.

    A server sends a bookmark for what is written while it is watched, and never for what was written before.
    """

    async def heard_of_noise():
        first = int((await made(resources, model(ns, "noise"))).metadata.resource_version)
        while spy.asked[-1] < first:
            await made(resources, model(ns, f"noise-{uuid4().hex[:8]}"))
            await asyncio.sleep(0.2)

    start = (await resources.list(MODEL)).resource_version
    spy = Spy(connection)
    picked = watching.events(spy, PATH, start, {"labelSelector": f"team={ns}"})  # pyright: ignore[reportArgumentType]
    waiting = asyncio.ensure_future(anext(picked))
    try:
        await asyncio.wait_for(heard_of_noise(), SOON)
        assert not waiting.done()
        mine = await made(resources, model(ns, "picked", labels={"team": ns}))
        told = await asyncio.wait_for(waiting, SOON)
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])
        await picked.aclose()
    assert isinstance(told, watching.Told)
    assert msgspec.json.decode(told.body)["metadata"]["uid"] == mine.metadata.uid


async def test_a_watch_outlives_the_end_that_the_server_sets_to_it(resources, ns):
    start = (await resources.list(MODEL)).resource_version
    async with aclosing(resources.watch(MODEL, start)) as watch:
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.wait([waiting], timeout=4)
        assert not waiting.done()
        mine = await made(resources, model(ns))
        assert await asyncio.wait_for(waiting, SOON) == Changed(mine)


async def test_a_killed_server_makes_nobody_miss_anything(bed, resources, ns):
    async with aclosing(changes(resources, MODEL)) as stream:
        await until_told(stream, lambda one: isinstance(one, Synced))
        await made(resources, model(ns, "a-before"))
        await until_told(stream, named("a-before"))
        await made(resources, model(ns, "b-before"))
        await run(bed.restart, "crd-apiserver")
        await made(resources, model(ns, "c-after"))
        told = await until_told(stream, named("c-after"))
    assert any(named("b-before")(one) for one in told)


@pytest.mark.usefixtures("hasty")
async def test_a_server_that_stays_away_is_told_and_then_listed_again(bed, resources, ns):
    async with aclosing(changes(resources, MODEL)) as stream:
        await until_told(stream, lambda one: isinstance(one, Synced))
        restarting = asyncio.ensure_future(run(bed.restart, "crd-apiserver", 5))
        told = await until_told(stream, lambda one: isinstance(one, Interrupted))
        assert "API server" in told[-1].message
        await restarting
        await made(resources, model(ns, "after"))
        await until_told(stream, named("after"))


@pytest.mark.usefixtures("hasty")
async def test_a_peer_that_is_half_open_is_noticed(bed, resources, ns):
    mine = await made(resources, model(ns, "before"))
    async with aclosing(changes(resources, MODEL)) as stream:
        await until_told(stream, lambda one: isinstance(one, Synced))
        await run(bed.pause, "crd-apiserver")
        try:
            told = await until_told(stream, lambda one: isinstance(one, Interrupted))
            assert told[-1].message
            with pytest.raises(Transient):
                await resources.get(MODEL, ns, "before")
        finally:
            await run(bed.resume, "crd-apiserver")
        assert await resources.get(MODEL, ns, "before") == mine
        await made(resources, model(ns, "after"))
        await until_told(stream, named("after"))


async def test_the_store_behind_the_server_may_die_and_come_back(bed, resources, ns):
    async with aclosing(changes(resources, MODEL)) as stream:
        await until_told(stream, lambda one: isinstance(one, Synced))
        await made(resources, model(ns, "a-before"))
        await run(bed.restart, "etcd")
        await made(resources, model(ns, "b-after"))
        told = await until_told(stream, named("b-after"))
    assert any(named("a-before")(one) for one in told)


@pytest.mark.usefixtures("hasty")
async def test_a_kind_that_is_removed_is_gone_and_one_that_comes_back_is_watched_again(bed, resources, ns):
    server = ApiServer(bed.kubeconfig)
    mine = await made(resources, model(ns, "first"))
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with aclosing(changes(resources, MODEL)) as stream:
        await until_told(stream, lambda one: isinstance(one, Synced))
        code, _ = await asyncio.to_thread(server.call, "DELETE", f"{crd}/models.{GROUP}")
        assert code == 200
        told = await until_told(stream, lambda one: isinstance(one, Interrupted))
        await run(ready, bed.kubeconfig)
        await made(resources, model(ns, "second"))
        told += await until_told(stream, named("second"))
    assert any(named("first", Deleted)(one) and one.object.metadata.uid == mine.metadata.uid for one in told)


async def test_an_object_of_600_kb_is_listed_and_watched(resources, ns):
    """Of many chunks: a reader of lines would stop at its bound."""
    words = tuple(Condition(f"T{number}", "True", "Because", "e" * 32_767 + "é") for number in range(20))
    mine = await made(resources, model(ns, "large"))
    async with aclosing(resources.watch(MODEL, mine.metadata.resource_version)) as watch:
        large = await there(resources.apply_status(mine, ModelStatus(conditions=words)))
        await made(resources, model(ns, "next"))
        told = await take(watch, 2)
    assert told[0] == Changed(large)
    assert named("next")(told[1])
    assert len(msgspec.json.encode(large)) > 600_000
    assert await resources.get(MODEL, ns, "large") == large
    assert large in (await resources.list(MODEL)).items


async def test_a_thousand_objects_are_listed_in_pages_and_watched_in_order(bed, ns):
    async with connected(str(bed.kubeconfig)) as connection:
        resources = ClusterResources(connection)
        start = (await resources.list(MODEL)).resource_version
        names = [f"m-{number:04}" for number in range(1000)]
        gate = asyncio.Semaphore(16)

        async def make(name):
            async with gate:
                return await applied(resources, model(ns, name))

        mine = await asyncio.gather(*(make(name) for name in names))
        async with aclosing(resources.watch(MODEL, start)) as watch:
            told = await take(watch, 1000)
        assert sorted(one.object.metadata.name for one in told if isinstance(one, Changed)) == names
        versions = [int(one.object.metadata.resource_version) for one in told if isinstance(one, Changed)]
        assert versions == sorted(versions)
        paged = await watching.items(connection, PATH)
        assert len(paged.items) >= 1000
        assert {obj.metadata.uid for obj in mine} <= {obj.metadata.uid for obj in (await resources.list(MODEL)).items}
        assert len((await resources.list(MODEL, ns)).items) == 1000


@pytest.fixture
def loose(bed):
    """Let a description be anything: a status or spec that an older or newer schema allowed."""
    server, crd = ApiServer(bed.kubeconfig), f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/models.{GROUP}"
    code, tree = server.call("GET", crd)
    assert code == 200
    schema = tree["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    schema["description"] = {"x-kubernetes-preserve-unknown-fields": True}
    tree["metadata"].pop("managedFields", None)
    code, _ = server.call("PUT", crd, tree)
    assert code == 200
    yield server
    ready(bed.kubeconfig)


async def odd(server, ns, **metadata):
    """Make a model that nobody can read, and return where it lies."""
    path = f"/apis/shale.dev/v1alpha1/namespaces/{ns}/models/odd"
    tree = {**model(ns, "odd", **metadata), "spec": {"description": {"not": "a text"}}}
    async with asyncio.timeout(SOON):
        while True:
            code, _ = server.call("PATCH", f"{path}?fieldManager=x", tree)
            if code in {200, 201}:
                return path
            await asyncio.sleep(0.2)


async def test_what_no_struct_of_ours_can_hold_is_skipped_and_the_others_are_told(loose, resources, ns, caplog):
    """Its bad end is its own."""
    path = await odd(loose, ns)
    try:
        await made(resources, model(ns, "good"))
        found = await in_time(lambda: resources.list(MODEL, ns))
        assert {obj.metadata.name for obj in found.items} == {"good"}
        (one,) = found.unreadable
        assert (one.metadata.namespace, one.metadata.name) == (ns, "odd")
        assert "unreadable" in caplog.text
        said = await resources.get(MODEL, ns, "odd")
        assert isinstance(said, Missing)
        assert said.unreadable == one
    finally:
        loose.call("DELETE", path)


async def test_what_cannot_be_read_is_deleted_and_let_go_by_its_metadata(loose, resources, ns):
    start = (await in_time(lambda: resources.list(MODEL))).resource_version
    await odd(loose, ns, finalizers=[HOLD])
    async with aclosing(resources.watch(MODEL, start)) as watch:
        *_, there = await until_told(watch, named("odd", Obscured))
        said = await resources.delete(MODEL, ns, "odd")
        assert isinstance(said, Unreadable)
        *_, going = await until_told(watch, named("odd", Obscured))
        assert going == Obscured(said)
        assert said.metadata.deletion_timestamp
        assert said.metadata.uid == there.object.metadata.uid
        await resources.edit_metadata(said, finalizers=())
        *_, gone = await until_told(watch, named("odd", Obscured))
    assert gone.deleted
    assert gone.object.metadata.uid == said.metadata.uid
    assert await resources.get(MODEL, ns, "odd") == Missing(f"model {ns}/odd is not there")
