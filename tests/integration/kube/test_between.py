"""What stands between us and an API server may answer in its place: whatever it says passes by itself."""

import json

import pytest
from aiohttp import web

from shale.contracts.errors import Transient
from shale.kube.client import Client
from shale.kube.cluster import ClusterResources
from shale.kube.connection import connected
from shale.kube.gvk import Gvk
from shale.testkit.apiserver import config
from shale.testkit.samples import MODEL, model

MAP = Gvk("v1", "ConfigMap")
NAMED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "n"}}
SERVED = {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}


@pytest.fixture(params=[b"<html>sign in</html>", b"", b"null", b"[]", b'"well"', b"\xff", b'{"items":'])
def body(request):
    return request.param


@pytest.fixture
async def connection(body, tmp_path, serve):
    """Connect to what says the same to everything, but tells a client which kinds there are."""

    async def answer(request):
        del request
        return web.Response(body=body)

    async def served(request):
        del request
        return web.json_response(SERVED)

    app = web.Application()
    app.router.add_get("/api/v1", served)
    app.router.add_route("*", "/{path:.*}", answer)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config(await serve(app), "t")))
    async with connected(str(kubeconfig)) as one:
        yield one


ASKED = {
    "get": lambda door: door.get(MODEL, "n", "m"),
    "list": lambda door: door.list(MODEL),
    "apply": lambda door: door.apply(model("n"), "user"),
    "delete": lambda door: door.delete(MODEL, "n", "m"),
}
CLIENT = {
    "get": lambda client: client.get(MAP, "n", "m"),
    "list": lambda client: client.list(MAP, "n"),
    "apply": lambda client: client.apply(NAMED),
    "create": lambda client: client.create(NAMED),
    "delete": lambda client: client.delete(MAP, "n", "m"),
    "an unknown kind": lambda client: client.list(Gvk("apps/v1", "Deployment")),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=list(ASKED))
async def test_the_door_to_resources_hears_nothing_of_it(connection, ask):
    with pytest.raises(Transient, match="none of an API server"):
        await ask(ClusterResources(connection))


@pytest.mark.parametrize("ask", CLIENT.values(), ids=list(CLIENT))
async def test_a_client_of_any_kind_hears_nothing_of_it(connection, ask):
    with pytest.raises(Transient, match="none of an API server"):
        await ask(Client(connection, "test"))


@pytest.mark.parametrize(("said", "after"), [("7", 7.0), ("²", None), ("", None), ("Fri, 31 Dec", None)])
async def test_how_long_to_wait_is_taken_from_digits_only(tmp_path, serve, said, after):
    async def busy(request):
        del request
        return web.Response(status=429, headers={"Retry-After": said})

    app = web.Application()
    app.router.add_get("/{path:.*}", busy)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config(await serve(app), "t")))
    async with connected(str(kubeconfig)) as one:
        assert (await one.ask("GET", "/x")).retry_after == after
