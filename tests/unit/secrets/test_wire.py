"""One exchange: bounded, never redirected, never in the clear, and silent about what it carried."""

import socket
import threading
import traceback

import pytest

from shale.contracts.errors import Transient
from shale.secrets import wire
from shale.secrets.hidden import Hidden
from shale.testkit.loopback import Loopback, Reply, reply

SECRET = "s3cr3t-Pa55word"
AUTH = {"Authorization": Hidden(f"Bearer {SECRET}")}


@pytest.fixture
def answering():
    """Return what starts a server that always answers the same."""
    servers = []

    def start(found):
        server = Loopback(lambda _: found)
        servers.append(server)
        return server.__enter__()

    yield start
    for server in servers:
        server.__exit__()


@pytest.fixture
def raw():
    """Return what starts a server that says these bytes and does no more until the test ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()
    threads = []

    def serve(pieces):
        peer, _ = listener.accept()
        with peer:
            for piece in pieces:
                if done.is_set() or peer.send(piece) == 0:
                    return
            done.wait(20)

    def start(pieces):
        threads.append(threading.Thread(target=quietly, args=(serve, pieces)))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    done.set()
    listener.close()
    for thread in threads:
        thread.join(20)


def quietly(serve, pieces):
    try:
        serve(pieces)
    except OSError:
        return  # the other side has left, which is what the test wanted


def everything(error):
    """Return all that could be told of an error, locals of every frame and what it came from."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_a_request_goes_out_as_it_is_and_its_answer_comes_back(answering):
    server = answering(reply({"a": 1}))
    answer = wire.exchange("POST", f"{server.url}/x?y=z", {**AUTH, "X": "y"}, Hidden(b"body"))
    assert (answer.status, answer.body.reveal()) == (200, b'{"a":1}')
    assert answer.headers["content-type"] == "application/json"
    asked = server.last
    assert (asked.method, asked.path, asked.body, asked.headers["x"]) == ("POST", "/x?y=z", b"body", "y")
    assert asked.headers["authorization"] == f"Bearer {SECRET}"


def test_what_came_back_is_not_shown(answering):
    assert SECRET not in repr(wire.exchange("GET", answering(reply({"token": SECRET})).url, {}))


def test_a_redirect_is_not_followed(answering):
    there = answering(reply({}))
    here = answering(Reply(307, headers={"location": f"{there.url}/"}))
    assert wire.exchange("GET", here.url, AUTH).status == 307
    assert there.asked == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(answering, status):
    with pytest.raises(Transient, match=f"answered {status}") as raised:
        wire.exchange("GET", answering(reply({}, status, retry_after="7")).url, {})
    assert raised.value.after == 7


def test_a_time_to_come_again_that_is_no_number_is_no_time(answering):
    with pytest.raises(Transient) as raised:
        wire.exchange("GET", answering(reply({}, 503, retry_after="Fri, 21 Nov 2025 07:28:00 GMT")).url, {})
    assert raised.value.after is None


def test_an_answer_without_an_end_is_not_read_to_it(answering, monkeypatch):
    monkeypatch.setattr(wire, "MOST", 1000)
    with pytest.raises(Transient, match="more than 1000 bytes"):
        wire.exchange("GET", answering(Reply(body=bytes(1001))).url, {})
    assert len(wire.exchange("GET", answering(Reply(body=bytes(1000))).url, {}).body.reveal()) == 1000


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="who says nothing"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"], id="who stops in the middle"),
    ],
)
def test_a_peer_that_is_silent_is_left(raw, pieces, monkeypatch):
    monkeypatch.setattr(wire, "PAUSE", 0.1)
    with pytest.raises(Transient, match="gave no answer"):
        wire.exchange("GET", raw(pieces), AUTH)


def test_a_peer_that_drips_is_left(raw, monkeypatch):
    monkeypatch.setattr(wire, "TOTAL", 0.3)
    pause = threading.Event()

    def drip():
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
        while not pause.wait(0.02):
            yield b"x"

    try:
        with pytest.raises(Transient, match="gave no answer"):
            wire.exchange("GET", raw(drip()), {})
    finally:
        pause.set()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", id="half of a head"),
    ],
)
def test_what_is_no_http_is_no_answer(raw, said, monkeypatch):
    monkeypatch.setattr(wire, "PAUSE", 0.1)
    with pytest.raises(Transient, match="gave no answer"):
        wire.exchange("GET", raw([said]), {})


def test_nobody_there_is_no_answer_and_nothing_is_told():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Transient, match=f"127.0.0.1:{port} gave no answer: ConnectionRefusedError") as raised:
        wire.exchange("GET", f"http://127.0.0.1:{port}", AUTH, Hidden(SECRET.encode()))
    assert SECRET not in everything(raised.value)
    assert raised.value.__context__ is None


def test_a_connection_that_breaks_tells_nothing(raw, monkeypatch):
    monkeypatch.setattr(wire, "PAUSE", 0.1)
    with pytest.raises(Transient) as raised:
        wire.exchange("POST", raw([]), AUTH, Hidden(SECRET.encode()))
    assert SECRET not in everything(raised.value)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(AUTH, None, id="in a header"),
        pytest.param({}, Hidden(SECRET.encode()), id="in a body"),
    ],
)
@pytest.mark.parametrize(
    "url", ["http://registry.example/", "http://169.254.169.254/", "http://127.0.0.1.evil.example/"]
)
def test_nothing_hidden_leaves_without_tls(url, headers, body):
    with pytest.raises(ValueError, match="without TLS") as raised:
        wire.exchange("POST", url, headers, body)
    assert SECRET not in everything(raised.value)


@pytest.mark.parametrize("end", ["\r\nX: y", "\n", "é", "\0"])
def test_a_header_that_cannot_be_is_named_and_not_shown(end):
    with pytest.raises(ValueError, match="header Authorization") as raised:
        wire.exchange("GET", "http://127.0.0.1:1", {"Authorization": Hidden(SECRET + end)})
    assert SECRET not in everything(raised.value)
