"""A reader lets in who has the token, shows one folder, and is bounded in all that a stranger may ask of it."""

import os
import socket
from http.client import HTTPConnection
from urllib.parse import quote

import pytest

from shale.contracts.errors import Transient
from shale.oci.tarball import Content
from shale.sources.reader import wire
from shale.sources.reader.handler import Handler
from shale.sources.source import SourceChangedError, Unscannable

BEARER = wire.token(bytes(32), "claim-1", 1)
MAY = f"Bearer {BEARER}"


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer "}, id="an empty one"),
        pytest.param({"Authorization": f"Bearer {wire.token(bytes(32), 'claim-1', 2)}"}, id="another generation's"),
        pytest.param({"Authorization": f"Bearer {wire.token(bytes(32), 'claim-2', 1)}"}, id="another claim's"),
        pytest.param({"Authorization": f"Bearer {wire.proof(BEARER)}"}, id="what the Pod's spec holds"),
        pytest.param({"Authorization": f"Basic {BEARER}"}, id="the right one, said wrongly"),
    ],
)
@pytest.mark.parametrize("path", ["/claim-1/1", "/claim-1/1/list", "/claim-1/1/files/x", "/nowhere"])
def test_without_the_token_nothing_is_told(running, mount, authorization, path):
    (mount / "x").write_text("secret")
    status, body = running.ask(path, **authorization)
    assert status == 401
    assert b"secret" not in body


@pytest.mark.parametrize("path", ["/", "/list", "/claim-1/10", "/claim-1/2/list", "/claim-1/1/other", "/claim-1/1x"])
def test_who_has_it_is_told_what_there_is_to_ask(running, path):
    assert running.ask(path, Authorization=MAY)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_nothing_but_get_is_known(running, method):
    assert running.ask("/claim-1/1/list", method, Authorization=MAY)[0] == 501


def test_a_kubelet_needs_no_token(running, mount):
    assert running.ask("/live") == (200, b"ok\n")
    assert running.ask("/ready") == (200, b"ok\n")
    mount.rmdir()
    status, why = running.ask("/ready")
    assert status == 503
    assert running.place.uri.encode() in why
    assert running.ask("/live")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 428, id="no version"),
        pytest.param({"If-Match": "*"}, 428, id="any version"),
        pytest.param({"If-Match": '"7:"'}, 412, id="another size"),
        pytest.param({"If-Match": '"5:1:1:1"'}, 412, id="another version"),
        pytest.param({"If-Match": '"5:"', "Range": "bytes=6-"}, 416, id="from behind the end"),
        pytest.param({"If-Match": '"5:"', "Range": "bytes=0-5"}, 416, id="up to behind the end"),
        pytest.param({"If-Match": '"5:"', "Range": "bytes=3-2"}, 416, id="backwards"),
        pytest.param({"If-Match": '"5:"', "Range": "lines=1-"}, 416, id="other units"),
        pytest.param({"If-Match": '"5:"', "Range": "bytes=5-"}, 200, id="from the end: only checked"),
        pytest.param({"If-Match": '"5:"', "Range": "bytes=2-"}, 206, id="from the middle"),
        pytest.param({"If-Match": '"5:"', "Range": "bytes=1-2"}, 206, id="a part"),
        pytest.param({"If-Match": '"5:"', "Range": "bytes=0-4"}, 200, id="a part that is all"),
        pytest.param({"If-Match": '"5:"'}, 200, id="all of it"),
    ],
)
def test_a_file_is_read_as_the_version_that_was_listed(running, mount, headers, status):
    (mount / "x").write_bytes(b"bytes")
    found, body = running.ask("/claim-1/1/files/x", Authorization=MAY, **headers)
    assert found == status
    if status in {200, 206}:
        assert body == {"bytes=5-": b"", "bytes=2-": b"tes", "bytes=1-2": b"yt"}.get(headers.get("Range", ""), b"bytes")


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "a/../../secret", "..%2Fsecret", "", ".", "a/./x", "%ff", "a%00b"]
)
def test_no_path_leaves_the_volume(running, mount, path):
    (mount.parent / "secret").write_text("secret")
    (mount / "a").mkdir()
    status, body = running.ask(f"/claim-1/1/files/{path}", Authorization=MAY, If_Match='"6:"')
    assert status in {400, 404, 412}
    assert body != b"secret"


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname", "secret-link", ".."])
def test_no_link_leaves_the_volume(running, mount, target):
    (mount.parent / "secret").write_text("secret")
    (mount / "secret-link").symlink_to("../secret")
    (mount / "x").symlink_to(target)
    for name in ("x", "x/secret", "secret-link"):
        status, body = running.ask(f"/claim-1/1/files/{name}", Authorization=MAY, If_Match='"6:"')
        assert (status, b"was listed with 6 bytes" in body) == (412, True)
    refused = running.source().scan()
    assert isinstance(refused, Unscannable)
    assert refused.reason == "UnsafeLink"


def test_a_folder_that_is_a_link_out_of_the_volume_is_refused(running, mount):
    (mount.parent / "elsewhere").mkdir()
    (mount / "model").symlink_to("../elsewhere")
    running.server.volume = type(running.server.volume)(
        running.place.uri, mount, "model", running.place.path, wire.proof(BEARER)
    )
    refused = running.source().scan()
    assert isinstance(refused, Unscannable)
    assert refused.reason == "UnsafeLink"
    assert running.ask("/ready")[0] == 503


@pytest.mark.parametrize("name", ["a b", "50%?#&", "\N{SNOWMAN}", "new\nline", "a+b", "-rf", "x" * 255])
def test_any_name_can_be_read(running, mount, name):
    (mount / name).write_bytes(b"12345")
    source = running.source()
    (entry,) = source.scan().entries
    assert entry.path == name
    assert b"".join(map(bytes, source.open(Content(name, 5, entry.version)))) == b"12345"
    assert running.ask(f"/claim-1/1/files/{quote(name)}", Authorization=MAY, If_Match='"5:"') == (200, b"12345")


def connected(running):
    return socket.create_connection(("127.0.0.1", running.place.port), timeout=60)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nX: ", b"GET /live HTTP/1.1\r\n\r\n"])
def test_strangers_who_hold_every_connection_keep_nobody_out(running, mount, said):
    (mount / "x").write_bytes(b"x")
    held = [connected(running) for _ in range(wire.ASKERS + wire.SPARE)]
    try:
        for one in held:
            one.sendall(said)
        assert [entry.path for entry in running.source().scan().entries] == ["x"]
        assert running.ask("/ready") == (200, b"ok\n")
    finally:
        for one in held:
            one.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nX: "])
def test_a_request_that_is_never_said_in_whole_is_hung_up_on(running, monkeypatch, said):
    monkeypatch.setattr(wire, "HEAD", 0.1)
    monkeypatch.setattr(Handler, "timeout", 3600)
    with connected(running) as line:
        line.sendall(said)
        assert line.recv(1) == b""


def test_a_kubelet_is_answered_beside_as_many_askers_as_may_be(running):
    while running.server.begins():
        pass
    assert running.ask("/ready")[0] == running.ask("/live")[0] == 200
    with pytest.raises(Transient, match="answers 64 others"):
        running.source().resolve()
    assert running.ask("/claim-1/1")[0] == 401
    running.server.ends()
    assert running.source().resolve() == running.place.uri


def test_strangers_do_not_keep_a_reader_up(running):
    before = running.server.quiet_since
    line = HTTPConnection("127.0.0.1", running.place.port, timeout=60)
    for _ in range(2):  # the second is answered after the first was counted out
        line.request("GET", "/claim-1/1")
        answer = line.getresponse()
        assert (answer.status, bool(answer.read())) == (401, True)
    line.close()
    assert running.server.quiet_since == before


def test_many_small_files_go_over_one_connection(running, mount):
    for number in range(50):
        (mount / f"{number:02}").write_bytes(b"x")
    source = running.source()
    entries = source.scan().entries
    kept = source._kept  # noqa: SLF001
    for entry in entries:
        assert b"".join(map(bytes, source.open(Content(entry.path, 1, entry.version)))) == b"x"
    assert source._kept is kept  # noqa: SLF001


def test_a_connection_that_the_reader_closed_meanwhile_is_made_anew(running, mount):
    (mount / "x").write_bytes(b"x")
    source = running.source()
    source.scan()
    source._kept.sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001
    assert [entry.path for entry in source.scan().entries] == ["x"]


def test_a_file_that_became_a_pipe_is_told_without_waiting(running, mount):
    os.mkfifo(mount / "x")
    with pytest.raises(SourceChangedError, match="is no file any more"):
        list(running.source().open(Content("x", 0)))
