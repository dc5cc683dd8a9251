"""The servers that clusters run, in containers: a fact is told and read, an image is pushed and pulled."""

import socket

import pytest

from shale.contracts.facts import Declared
from shale.runtime.bus.jetplane import JetPlane
from shale.testkit import containers
from shale.testkit.images import publish
from shale.testkit.toys import ABOUT, declared

REPO = "models/tiny"


async def test_a_fact_is_told_once_and_read_by_another(container_bus):
    teller, reader = JetPlane(container_bus, "teller"), JetPlane(container_bus, "reader")
    assert await teller.say(declared()) > 0
    assert await reader.say(declared()) == 0
    level = await reader.told(ABOUT, 0, asked=False, readings=False)
    assert level is not None
    [fact] = level.all(Declared)
    assert (fact.about, fact.spec) == (ABOUT, declared().spec)


def test_an_image_is_pushed_and_pulled(container_distribution):
    image = publish(container_distribution, REPO, "v1", {"config.json": b"{}"}, weights={"w.bin": b"w" * 3_000_000})
    for document in image.manifests:
        assert container_distribution.manifest(REPO, document.descriptor.digest) == document.data
    for blob in image.blobs:
        assert b"".join(container_distribution.pull(REPO, blob.descriptor.digest, 0)) == blob.data
    assert "v1" in container_distribution.tags(REPO)


@pytest.mark.parametrize("server", ["nats_container", "registry_container"])
def test_it_is_published_on_the_loopback_only(request, server):
    container = request.getfixturevalue(server).container.get_wrapped_container()
    container.reload()
    bound = [one for ports in container.ports.values() for one in ports or ()]
    assert {one["HostIp"] for one in bound} == {"127.0.0.1"}


@pytest.mark.parametrize("listens", [False, True], ids=["nobody listens", "somebody is silent"])
def test_a_docker_that_does_not_answer_is_none(listens, tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "ANSWERS_WITHIN", 0.2)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        if listens:
            listener.bind(f"{tmp_path}/docker.sock")
            listener.listen()
        assert containers.docker.__wrapped__() == "none"
