"""A reader over a folder, in a thread of this process or as a process of its own."""

import threading
from http.client import HTTPConnection

import msgspec
import pytest

from shale.sources.reader import wire
from shale.sources.reader.server import ReaderServer
from shale.sources.reader.source import Reader
from shale.sources.reader.volume import Volume
from shale.sources.reader.wire import Address

KEY = bytes(32)
CLAIM = "claim-1"
BEARER = wire.token(KEY, CLAIM, 1)


class Running:
    """A server, and how it is asked."""

    def __init__(self, mount, folder=""):
        volume = Volume("", mount, folder, f"/{CLAIM}/1", wire.proof(BEARER))
        self.server = ReaderServer("127.0.0.1", 0, volume)
        self.place = Address("127.0.0.1", self.server.server_address[1], CLAIM, 1)
        self.server.volume = msgspec.structs.replace(volume, title=self.place.uri)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def source(self, bearer=BEARER, proxy=""):
        return Reader(self.place, bearer, proxy)

    def ask(self, path, method="GET", **headers):
        """Return status and body of one bare request; `If_Match` is If-Match."""
        line = HTTPConnection("127.0.0.1", self.place.port, timeout=30)
        try:
            line.request(method, path, headers={key.replace("_", "-"): value for key, value in headers.items()})
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def mount(tmp_path):
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


@pytest.fixture
def running(mount):
    one = Running(mount)
    yield one
    one.close()
