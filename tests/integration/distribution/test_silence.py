"""Registries that are silent or drip: each work ends in time, others go on, and a stop is heard while they wait."""

import select
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from shale.contracts.errors import Transient
from shale.oci import digest
from shale.oci.distribution.options import Options
from shale.oci.distribution.patience import Patience
from shale.oci.distribution.registry import Distribution
from shale.oci.distribution.silence import Silences
from shale.oci.profiles import GHCR
from shale.oci.registry import Data, Pushed, push
from shale.testkit import front
from shale.testkit.dockerregistry import DockerRegistry
from shale.testkit.front import Front
from shale.testkit.registries import PATIENCE
from shale.testkit.soon import soon

REPO = "team/resnet"
BLOB = bytes(range(256)) * 8192
PUSHED = Pushed(digest.of(BLOB), len(BLOB))


def shorten(registry, read=0.5, silence=1000.0):
    """Have no patience from now on: what was before took what it took, on however busy a machine."""
    transport = registry._transport  # noqa: SLF001 (no door has a handle for this)
    transport._patience = msgspec.structs.replace(PATIENCE, read=read)  # noqa: SLF001
    transport._silences = Silences(silence, read, time.monotonic)  # noqa: SLF001


@pytest.mark.parametrize("trouble", [front.hang, front.drip_head, front.drip_body], ids=["silent", "head", "body"])
@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda registry: registry.check(REPO, push=True), id="check"),
        pytest.param(lambda registry: registry.tags(REPO), id="a list"),
        pytest.param(lambda registry: b"".join(registry.pull(REPO, PUSHED.digest)), id="a blob"),
        pytest.param(lambda registry: push(registry, REPO, BLOB), id="a push"),
    ],
)
def test_who_is_silent_or_drips_is_left_after_one_wait(distribution_behind, trouble, work):
    rough = distribution_behind("plain")
    push(rough.registry, REPO, BLOB)
    rough.front.calm()
    shorten(rough.registry)
    rough.front.on("^(GET|POST|PATCH) ", trouble, times=99)
    for _ in range(3):
        with pytest.raises(Transient, match=r"does not answer in time|drips"):
            work(rough.registry)
    assert rough.front.count("^(GET|POST|PATCH) ") <= 1


def test_who_stalls_in_the_middle_of_a_blob_is_taken_up_there(distribution_behind):
    rough = distribution_behind("plain", patience=msgspec.structs.replace(PATIENCE, silence=0.01))
    push(rough.registry, REPO, BLOB)
    shorten(rough.registry, 3.0, 0.01)

    def stalls(exchange):
        exchange.drip(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BLOB) + BLOB[: 2**20], b"", 0.1)

    rough.front.on("^GET .*/blobs/", stalls)
    assert b"".join(rough.registry.pull(REPO, PUSHED.digest)) == BLOB
    assert [one.headers.get("Range") for one in rough.front.seen if one.method == "GET"][-1] == f"bytes={2**20}-"


def test_a_silent_registry_holds_up_no_other(park):
    """One door for both, as for all jobs that share connections; the silent one is in the hands of four threads."""
    registry = Distribution(Options(home=park.server("plain").host, patience=PATIENCE))
    with ThreadPoolExecutor(4) as pool, Front() as silent:
        silent.default = front.hang
        held = [pool.submit(registry.has, f"{silent.host}/{REPO}", PUSHED.digest) for _ in range(4)]
        assert push(registry, REPO, BLOB) == PUSHED
        assert b"".join(registry.pull(REPO, PUSHED.digest) or ()) == BLOB
        assert registry.tags(REPO) == ()
    assert all(isinstance(one.exception(), Transient) for one in held)
    registry.close()


async def test_a_process_that_stands_still_is_left_and_found_again(debian_tool, tmp_path):
    """SIGSTOP: the kernel still takes connections, and nobody answers."""
    with DockerRegistry(debian_tool("docker-registry"), tmp_path) as server:
        registry = Distribution(Options(home=server.host, patience=PATIENCE))
        assert push(registry, REPO, BLOB) == PUSHED
        shorten(registry, 2.0, 1.0)
        server.pause()
        for _ in range(2):
            with pytest.raises(Transient, match="does not answer in time"):
                registry.has(REPO, PUSHED.digest)
        server.resume()

        def again():
            try:
                return registry.has(REPO, PUSHED.digest)
            except Transient:
                return None

        assert await soon(again, 60) == len(BLOB)
        registry.close()


# --- stops


class StoppedError(Exception):
    pass


class Stop:
    """A pause that takes no time, and is one too many after so many."""

    def __init__(self, after=0):
        self.asked, self._after = 0, after

    def __call__(self, seconds):
        self.asked += bool(seconds)
        if self.asked > self._after:
            raise StoppedError


class Once:
    """A stop that comes as soon as something is so."""

    def __init__(self):
        self.so: Callable[[], bool] = bool

    def __call__(self, seconds):
        del seconds
        if self.so():
            raise StoppedError


LONG = Patience(tries=9, first=50.0, longest=100.0, connect=5, read=100.0, commit=100.0)


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("trouble", [front.answer(503), front.answer(429, {"Retry-After": "90"})], ids=["busy", "asks"])
def test_a_stop_is_heard_in_a_pause(distribution_behind, trouble, after):
    stop = Stop(after)
    rough = distribution_behind("plain", patience=LONG, pause=stop)
    rough.front.on("^HEAD ", trouble, times=99)
    with pytest.raises(StoppedError):
        rough.registry.has(REPO, PUSHED.digest)
    assert rough.front.count("^HEAD ") == after + 1
    assert stop.asked == after + 1


def test_a_stop_is_heard_before_each_request(distribution_behind):
    """A registry that is busy with nothing else than to lead us on."""
    stop = Once()
    rough = distribution_behind("plain", patience=LONG, pause=stop)
    stop.so = lambda: rough.front.count("tags/list") == 3
    link = {"Link": f'</v2/{REPO}/tags/list>; rel="next"'}
    rough.front.on("^GET .*/tags/list", front.answer(200, link, b'{"tags":["a"]}'), times=99)
    with pytest.raises(StoppedError):
        rough.registry.tags(REPO)
    rough.front.calm()
    stop.so = lambda: rough.front.count("^GET ") == 2
    rough.front.on("^GET ", front.answer(307, {"Location": "/v2/elsewhere"}), times=99)
    with pytest.raises(StoppedError):
        rough.registry.tags(REPO)


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda registry: registry.tags(REPO), id="a list"),
        pytest.param(lambda registry: b"".join(registry.pull(REPO, PUSHED.digest)), id="a blob"),
    ],
)
def test_a_stop_is_heard_while_an_answer_drips(distribution_behind, work):
    stop = Once()
    rough = distribution_behind("plain", patience=LONG, pause=stop)
    push(rough.registry, REPO, BLOB)
    rough.front.calm()
    stop.so = lambda: rough.front.count("^GET ") > 0
    rough.front.on("^GET ", front.drip_body, times=99)
    with pytest.raises(StoppedError):
        work(rough.registry)
    assert rough.front.count("^GET ") == 1


def test_who_is_stopped_takes_back_what_is_half_done(distribution_behind):
    stop = Once()
    rough = distribution_behind("plain", patience=LONG, pause=stop)
    stop.so = lambda: rough.front.count("^PATCH ") == 2
    with pytest.raises(StoppedError):
        push(rough.registry, REPO, BLOB)
    assert [one.method for one in rough.front.seen][-3:] == ["PATCH", "PATCH", "DELETE"]


WHOLE = msgspec.structs.replace(GHCR, api="", part_bytes=2**16)


def sent(registry, blob, known=None):
    with registry.upload(REPO, known) as upload:
        upload.send(Data(blob))


@pytest.mark.parametrize("known", [PUSHED, None], ids=["known", "not known"])
def test_a_stop_is_heard_while_a_whole_blob_waits_for_its_answer(distribution_behind, known):
    stop = Once()
    rough = distribution_behind("plain", patience=LONG, pause=stop, profile=lambda _: WHOLE)
    stop.so = lambda: rough.front.count("^(PUT|PATCH) ") > 0
    rough.front.on("^(PUT|PATCH) ", front.hang)
    with pytest.raises(StoppedError):
        sent(rough.registry, BLOB, known)


def test_a_stop_is_heard_while_nobody_takes_a_whole_blob(distribution_behind):
    """The upload lies on a host whose kernel takes the connection, and some bytes."""
    patience = msgspec.structs.replace(LONG, read=3.0)
    stop = Once()
    rough = distribution_behind("plain", patience=patience, pause=stop, profile=lambda _: WHOLE)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        stop.so = lambda: bool(select.select([deaf], [], [], 0)[0])
        there = f"http://127.0.0.1:{deaf.getsockname()[1]}/upload"
        rough.front.on("^POST ", front.answer(202, {"Location": there}))
        with pytest.raises(StoppedError):
            sent(rough.registry, BLOB * 16)
