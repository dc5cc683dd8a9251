"""The proxy counts what passes and paces it; the sink takes blobs as a registry does, and keeps none."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from shale.testkit.bench.meter import Meter, Pace
from shale.testkit.bench.sink import Shelf, Sink


@pytest.mark.parametrize(
    ("rate", "moments", "waits"),
    [
        pytest.param(0, [(1000, 5.0)], [0.0], id="without a rate nobody waits"),
        pytest.param(100, [(50, 1.0), (50, 1.5), (100, 2.0)], [0.5, 0.5, 1.0], id="each waits for its own bytes"),
        pytest.param(100, [(50, 1.0), (50, 1.1)], [0.5, 0.9], id="who comes early waits for what went before too"),
        pytest.param(100, [(50, 1.0), (50, 9.0)], [0.5, 0.5], id="silence saves nothing up"),
    ],
)
def test_pace(rate: float, moments: list[tuple[int, float]], waits: list[float]):
    pace = Pace(rate)
    assert [pace.wait(count, now) for count, now in moments] == pytest.approx(waits)


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def asked(host: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_both_ways_are_counted(sink: Sink):
    with Meter(sink.host) as meter:
        status, headers, _ = asked(meter.host, "POST", "/v2/a/blobs/uploads/")
        assert status == 202
        before = meter.up
        assert asked(meter.host, "PATCH", headers["Location"], b"x" * 100_000)[0] == 202
        assert 100_000 < meter.up - before < 101_000
        assert 0 < meter.down < 2000


def test_a_blob_is_there_where_it_was_put_and_nowhere_else(sink: Sink):
    _, headers, _ = asked(sink.host, "POST", "/v2/b/blobs/uploads/")
    assert asked(sink.host, "PATCH", headers["Location"], b"x" * 70, Content_Range="0-69")[1]["Range"] == "0-69"
    assert asked(sink.host, "PUT", headers["Location"] + "?digest=sha256:abc", b"y" * 7)[0] == 201
    status, told, _ = asked(sink.host, "HEAD", "/v2/b/blobs/sha256:abc")
    assert (status, told["Content-Length"]) == (200, "77")
    assert asked(sink.host, "HEAD", "/v2/c/blobs/sha256:abc")[0] == 404


def test_a_part_that_does_not_follow_is_refused(sink: Sink):
    _, headers, _ = asked(sink.host, "POST", "/v2/d/blobs/uploads/")
    assert asked(sink.host, "PATCH", headers["Location"], b"x", Content_Range="5-5")[0] == 416


def test_what_broke_off_goes_on_behind_the_last_byte_that_came(sink: Sink):
    _, headers, _ = asked(sink.host, "POST", "/v2/e/blobs/uploads/")
    host, _, port = sink.host.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        head = f"PATCH {headers['Location']} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        line.sendall(head.encode() + b"x" * 300)
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1) == b""
    status, told, _ = asked(sink.host, "GET", headers["Location"])
    assert (status, told["Range"]) == (204, "0-299")


def test_a_manifest_is_kept_under_its_tag_and_its_digest(sink: Sink):
    status, told, _ = asked(sink.host, "PUT", "/v2/f/manifests/v1", b"{}", Content_Type="application/x")
    assert status == 201
    for name in ("v1", told["Docker-Content-Digest"]):
        status, headers, body = asked(sink.host, "GET", f"/v2/f/manifests/{name}")
        assert (status, headers["Content-Type"], body) == (200, "application/x", b"{}")
    assert asked(sink.host, "GET", "/v2/g/manifests/v1")[0] == 404


def test_a_shelf_is_empty_at_first():
    shelf = Shelf()
    shelf.server_close()
    assert (shelf.blobs, shelf.manifests, shelf.uploads) == ({}, {}, {})
