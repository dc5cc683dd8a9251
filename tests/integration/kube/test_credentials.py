"""Credentials that are turned under many requests, and files of them that are broken."""

import asyncio
import gc
import json

import aiohttp
import pytest
from aiohttp import web

from shale.contracts.errors import Transient
from shale.kube.connection import Connection, connected
from shale.testkit.apiserver import config

MANY = 12


class Turning:
    """An API server that answers 401 to all but one token; the first `MANY` requests wait for each other."""

    def __init__(self, kubeconfig):
        self.kubeconfig, self.url, self.good = kubeconfig, "", "old"
        self.asked, self.all_here, self.goes_on = 0, asyncio.Event(), asyncio.Event()
        self.app = web.Application()
        self.app.router.add_get("/watch", self.watch)
        self.app.router.add_get("/held", self.held)
        self.app.router.add_get("/{path:.*}", self.answer)

    def write(self, token):
        self.kubeconfig.write_text(json.dumps(config(self.url, token)))

    def turn(self):
        self.good = "new"
        self.write("new")

    async def answer(self, request):
        self.asked += 1
        if self.asked >= MANY:
            self.all_here.set()
        await self.all_here.wait()
        good = request.headers.get("Authorization") == f"Bearer {self.good}"
        return web.json_response({"kind": "Status"}, status=200 if good else 401)

    async def held(self, request):
        del request
        self.all_here.set()
        await asyncio.Event().wait()
        return web.Response()

    async def watch(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first\n")
        await self.goes_on.wait()
        await response.write(b"last\n")
        return response


@pytest.fixture
async def server(tmp_path, serve):
    one = Turning(tmp_path / "kubeconfig")
    one.url = await serve(one.app)
    one.write("old")
    return one


def open_sessions():
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, aiohttp.ClientSession) and not one.closed]


async def test_a_turned_token_breaks_nobody(server):
    before = len(open_sessions())
    async with connected(str(server.kubeconfig)) as connection:
        async with connection.stream("/watch", {}) as stream:
            lines = stream.lines()
            assert await anext(lines) == b"first"
            server.turn()
            said = await asyncio.gather(*(connection.ask("GET", f"/x/{number}") for number in range(MANY)))
            assert [answer.code for answer in said] == [200] * MANY
            assert len(open_sessions()) == before + 2, "all who were refused share one new session"
            server.goes_on.set()
            assert await anext(lines) == b"last"
        assert len(open_sessions()) == before + 1, "the old one is closed with its last request"
    assert len(open_sessions()) == before


async def test_a_token_that_stays_refused_is_said_so_and_leaves_no_session(server):
    before = len(open_sessions())
    async with connected(str(server.kubeconfig)) as connection:
        server.good = "another"
        said = await asyncio.gather(*(connection.ask("GET", f"/x/{number}") for number in range(MANY)))
        assert [answer.code for answer in said] == [401] * MANY
        assert len(open_sessions()) == before + 1
    assert len(open_sessions()) == before


async def test_who_waits_while_the_connection_is_closed_gets_a_transient_and_the_next_opens_it(server):
    async with connected(str(server.kubeconfig)) as connection:
        waiting = asyncio.create_task(connection.ask("GET", "/held"))
        await server.all_here.wait()
        await connection.close()
        with pytest.raises(Transient):
            await waiting
        assert (await connection.ask("GET", "/x")).code == 200


GOOD = json.dumps(config("http://127.0.0.1:9", "t"), indent=1)
BROKEN = {
    "empty": "",
    "a list": "- a\n- b\n",
    "a word": "hello",
    "half YAML": "apiVersion: v1\nclusters: [\n",
    "a tab": "a:\n\t- b",
    "half written": GOOD[: len(GOOD) // 2],
    "nulls": json.dumps({**config("", ""), "contexts": None, "clusters": None}),
    "no authority": json.dumps(
        {
            **config("", ""),
            "clusters": [{"name": "test", "cluster": {"server": "https://x", "certificate-authority": 7}}],
        }
    ),
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=list(BROKEN))
async def test_a_broken_kubeconfig_is_one_line_with_the_cure_and_is_read_again(tmp_path, said):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_bytes(said if isinstance(said, bytes) else said.encode())
    async with connected(str(kubeconfig)) as connection:
        for _ in range(2):
            with pytest.raises(Transient) as caught:
                await connection.ask("GET", "/version")
            assert str(caught.value).startswith(f"no way to an API server by {kubeconfig}: ")
            assert str(caught.value).endswith(f": see that `kubectl --kubeconfig {kubeconfig} version` works")
            assert "\n" not in str(caught.value)
        kubeconfig.write_text(GOOD)
        with pytest.raises(Transient, match=r"127\.0\.0\.1:9"):
            await connection.ask("GET", "/version")


async def test_a_pod_without_an_account_is_one_line():
    with pytest.raises(Transient, match="the pod's own account"):
        await Connection().ask("GET", "/version")
