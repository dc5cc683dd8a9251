"""A peer that answers every watch and ends it at once is not asked as fast as it answers."""

import asyncio
import json
from itertools import pairwise

import pytest
from aiohttp import web

from shale.kube import watching
from shale.kube.connection import connected
from shale.testkit.apiserver import config
from shale.testkit.asking import SOON

PATH = "/apis/shale.dev/v1alpha1/models"
ADDED = {"type": "ADDED", "object": {"metadata": {"name": "m", "resourceVersion": "7"}}}
VAIN = watching.RESUMES + 3


class Peer:
    """So many watches end at once; the next one tells of an object, and so does each one after it."""

    def __init__(self):
        self.asked = []

    async def answer(self, request):
        del request
        self.asked.append(asyncio.get_running_loop().time())
        return web.Response(text="" if len(self.asked) <= VAIN else json.dumps(ADDED) + "\n")


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
async def connection(peer, serve, tmp_path):
    app = web.Application()
    app.router.add_get("/{path:.*}", peer.answer)
    (tmp_path / "kubeconfig").write_text(json.dumps(config(await serve(app), "t")))
    async with connected(str(tmp_path / "kubeconfig")) as one:
        yield one


async def test_it_is_asked_ever_less_often_and_told_of_once_and_nothing_is_missed(
    connection, peer, monkeypatch, caplog
):
    monkeypatch.setattr(watching, "CALM", 0.02)
    monkeypatch.setattr(watching, "LONGEST", 0.2)
    events = watching.events(connection, PATH, "1")
    async with asyncio.timeout(SOON):
        told = await anext(events)
    await events.aclose()
    assert isinstance(told, watching.Told)
    waited = [later - earlier for earlier, later in pairwise(peer.asked)]
    meant = [min(0.02 * 2**number, 0.2) for number in range(VAIN)]
    assert all(was > was_meant * 0.9 for was, was_meant in zip(waited, meant, strict=True))
    assert caplog.text.count("watches end at once and tell nothing") == 1
