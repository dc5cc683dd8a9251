"""What a packer does when its reader is not there, not itself, or breaks off."""

import socket
import threading
from contextlib import suppress

import pytest

from shale.contracts.errors import Transient
from shale.oci.tarball import Content
from shale.sources.reader import body, wire
from shale.sources.reader.source import Reader, Readers, open_reader
from shale.sources.reader.wire import Address
from shale.sources.source import BLOCK, Scan, SourceChangedError, UnreadableError, Unscannable

KEY = bytes(32)


class Played:
    """A server that plays its answers, one connection each, and keeps what it was asked."""

    def __init__(self, *answers):
        self.asked = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._play, args=(answers,), daemon=True)
        self._thread.start()
        self.place = Address("127.0.0.1", self._listener.getsockname()[1], "claim-1", 1)
        self.source = Reader(self.place, "token")

    def _play(self, answers):
        for answer in answers:
            line, _ = self._listener.accept()
            with line:
                self.asked.append(_head(line))
                line.sendall(answer)

    def close(self):
        self._thread.join(30)
        self._listener.close()


def _head(line):
    head = b""
    while not head.endswith(b"\r\n\r\n") and (more := line.recv(1)):
        head += more
    return head.decode()


def said(status, body=b"", length=None, **headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def played():
    made = []

    def make(*answers):
        made.append(Played(*answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


def read(source, size):
    return b"".join(map(bytes, source.open(Content("x", size, "1:2:3"))))


def test_what_breaks_off_goes_on_where_it_was(played):
    data = bytes(range(256)) * 4 * 1024 * 2
    first = said("200 OK", data[:100], len(data))
    second = said("206 Partial Content", data[100 : BLOCK + 7], len(data) - 100)
    third = said("206 Partial Content", data[BLOCK + 7 :])
    reader = played(first, second, third, said("200 OK"))
    assert read(reader.source, len(data)) == data
    ranges = [line for head in reader.asked for line in head.split("\r\n") if line.startswith("Range")]
    assert ranges == ["Range: bytes=100-", f"Range: bytes={BLOCK + 7}-", f"Range: bytes={len(data)}-"]


def test_what_gets_nowhere_is_given_up_until_later(played):
    reader = played(said("200 OK", b"ab", 5), said("206 Partial Content", b"", 3))
    with pytest.raises(Transient, match=r"'x' in reader://.+ broke off at 2 of 5 bytes"):
        read(reader.source, 5)


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        pytest.param(
            said("401 No", b"{}"), Transient, "have storage-provisioner and builder-sync the same key", id="401"
        ),
        pytest.param(said("503 Busy"), Transient, "answers 503", id="busy"),
        pytest.param(
            said("302 Found", b"", Location="http://169.254.169.254/"), Transient, "answers 302", id="elsewhere"
        ),
        pytest.param(said("404 No", b'{"message":"what?"}'), Transient, "answers 404: what", id="lost"),
        pytest.param(said("200 OK", b"123456"), Transient, "promises 6 bytes", id="more than was listed"),
        pytest.param(said("412 No", b'{"message":"x is gone"}'), SourceChangedError, "x is gone", id="changed"),
        pytest.param(said("422 No", b'{"message":"no folder"}'), UnreadableError, "no folder", id="folder gone"),
        pytest.param(b"", Transient, "cannot be reached", id="nothing"),
        pytest.param(b"SSH-2.0\r\n\r\n", Transient, "cannot be reached", id="something else"),
    ],
)
def test_a_refusal_is_what_it_means(played, answer, error, why):
    with pytest.raises(error, match=why):
        read(played(answer).source, 5)


TITLE = "claim weights, subPath resnet"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(said("401 No", b"{}"), id="401"),
        pytest.param(said("503 Busy"), id="busy"),
        pytest.param(said("200 OK", b"123456"), id="more than was listed"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_goes_wrong_with_a_reader_names_what_it_reads_as_its_user_does(played, answer):
    source = Reader(played(answer).place, "token", title=TITLE)
    with pytest.raises(Transient, match=f"^the reader of {TITLE} at 127.0.0.1:") as raised:
        read(source, 5)
    assert "reader://" not in str(raised.value)


def test_what_is_no_listing_names_what_was_to_be_listed_as_its_user_does(played):
    found = Reader(played(said("200 OK", b"[]")).place, "token", title=TITLE).scan()
    assert isinstance(found, Unscannable)
    assert found.message.startswith(f"the reader of {TITLE} at 127.0.0.1:")


def test_what_is_refused_at_the_end_was_not_read(played):
    size = BLOCK + 1
    reader = played(said("200 OK", bytes(size), Connection="close"), said("412 No", b'{"message":"x was written"}'))
    with pytest.raises(SourceChangedError, match="x was written"):
        read(reader.source, size)


def test_a_listing_without_end_is_cut(played, monkeypatch):
    monkeypatch.setattr(wire, "MAX_LISTING", 1000)
    refused = played(said("200 OK", b" " * 2000)).source.scan()
    assert isinstance(refused, Unscannable)
    assert refused.reason == "TooManyFiles"


def test_a_listing_that_takes_its_time_gives_signs_of_life_and_may_be_stopped(running, mount, monkeypatch):
    monkeypatch.setattr(body, "EVERY", 0)
    for number in range(100):
        (mount / f"{number:03}").touch()
    heard = []
    scan = running.source().scan(alive=lambda: heard.append(1))
    assert isinstance(scan, Scan)
    assert len(scan.entries) == 100
    assert len(heard) > 1

    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        running.source().scan(alive=stop)


def test_a_listing_that_cannot_be_had_just_now_is_asked_for_again(played):
    answer = said("200 OK", b' {"trouble":{"message":"stale","reason":""}}')
    with pytest.raises(Transient, match="stale"):
        played(answer).source.scan()


def test_a_reader_that_is_not_there_is_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Transient, match=f"reader://127.0.0.1:{port}/claim-1/1 cannot be reached: .*refused"):
        Reader(Address("127.0.0.1", port, "claim-1", 1), "token").scan()


def test_a_reader_is_reached_through_a_proxy(running, mount):
    (mount / "x").write_bytes(b"12345")
    listener = socket.create_server(("127.0.0.1", 0))
    heads = []

    def tunnel():
        line, _ = listener.accept()
        heads.append(_head(line))
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        behind = socket.create_connection(("127.0.0.1", running.place.port))
        with line, behind:
            back = threading.Thread(target=_pour, args=(behind, line))
            back.start()
            _pour(line, behind)
            with suppress(OSError):  # the reader hung up first
                behind.shutdown(socket.SHUT_RDWR)
            back.join()

    thread = threading.Thread(target=tunnel)
    thread.start()
    far = Address("shale-uid-1.team-a.svc", 7077, "claim-1", 1)
    source = Reader(far, wire.token(KEY, "claim-1", 1), f"127.0.0.1:{listener.getsockname()[1]}")
    scan = source.scan()
    assert isinstance(scan, Scan)
    assert [entry.path for entry in scan.entries] == ["x"]
    assert heads[0].startswith("CONNECT shale-uid-1.team-a.svc:7077 HTTP/1.")
    assert "Bearer" not in heads[0]
    del source
    thread.join(30)
    listener.close()


def _pour(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_without_a_key_a_reader_is_waited_for_and_the_setting_is_named():
    with pytest.raises(Transient, match="set SHALE_READER_KEY_FILE"):
        open_reader("reader://host:7077/claim/1", Readers())
    assert isinstance(open_reader("reader://host/x", Readers(KEY)), Unscannable)
