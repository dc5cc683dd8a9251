"""`shale up` on a cluster: each failure is told with its own cure."""

import json

import pytest
from aiohttp import web

from shale.cli import cluster
from shale.cli.exits import CliError
from shale.testkit.apiserver import config
from shale.testkit.nats import free_port

CRDS = "kubectl apply -f deploy/crds"
ANSWERS = {
    "no CRD": (404, "404 page not found", CRDS),
    "a refused token": (401, '{"message":"Unauthorized"}', "give the service a valid kubeconfig"),
    "no right": (403, '{"message":"forbidden"}', "grant it"),
    "a server in trouble": (500, '{"message":"etcd is away"}', "try again"),
    "something in between": (200, "<html>", "see what stands between"),
}


async def refused(kubeconfig):
    with pytest.raises(CliError) as caught:
        await cluster.check(str(kubeconfig))
    return str(caught.value)


@pytest.mark.parametrize(("code", "body", "cure"), ANSWERS.values(), ids=list(ANSWERS))
async def test_an_answer_has_its_own_cure(tmp_path, serve, code, body, cure):
    async def answer(request):
        del request
        return web.Response(status=code, text=body)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    (tmp_path / "kubeconfig").write_text(json.dumps(config(await serve(app), "t")))
    said = await refused(tmp_path / "kubeconfig")
    assert cure in said
    assert (CRDS in said) == (cure is CRDS)


async def test_a_server_that_is_not_there_and_a_broken_kubeconfig_have_theirs(tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config(f"http://127.0.0.1:{free_port()}", "t")))
    assert f"see that it runs where {kubeconfig} says" in await refused(kubeconfig)
    kubeconfig.write_text("")
    assert "no way to an API server" in (said := await refused(kubeconfig))
    assert CRDS not in said
