"""`python -m shale.sources.reader`: one volume, read-only, until SIGTERM or until nobody asks any more."""

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from shale.contracts.errors import Transient
from shale.sources.reader import wire
from shale.sources.reader.server import ReaderServer
from shale.sources.reader.volume import Volume
from shale.sources.source import Unscannable

TURN = 0.2
NOT_THERE = 3
"""The exit code when the folder is not there; the last words say which."""

log = logging.getLogger("shale.reader")


def main(arguments: Sequence[str]) -> int:
    """Serve; 0 when it was ended or nobody asked, 3 when the folder is not there, 2 for a mistake of the caller's."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    told = _told(arguments)
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda _sign, _frame: ended.set())
    place = wire.address(told.uri)
    if place is None:
        log.error("%s is no reader's URI", told.uri)
        return 2
    volume = Volume(told.title or told.uri, Path(told.volume), told.folder, place.path, told.proof)
    if missing := _awaited(volume, told.patience, ended):
        log.error("%s: %s", missing.reason, missing.message)
        _last_words(told.last_words, missing)
        return NOT_THERE
    return _serve(ReaderServer(told.host, told.port, volume), told, ended)


def _told(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m shale.sources.reader", description=__doc__)
    parser.add_argument("--uri", required=True, help="how packers name this reader")
    parser.add_argument("--title", default="", help="how people name what it reads; left out: the URI")
    parser.add_argument("--volume", required=True, help="where the volume is mounted")
    parser.add_argument("--folder", default="", help="the folder in it")
    parser.add_argument("--proof", required=True, help="the sha256 of the token that may read")
    parser.add_argument("--host", default="0.0.0.0", help="the address to listen on")  # noqa: S104 (a pod's own network)
    parser.add_argument("--port", type=int, default=wire.PORT)
    parser.add_argument("--patience", type=float, default=0, help="seconds to wait for the folder")
    parser.add_argument("--idle", type=float, default=3600, help="seconds without a request after which it ends")
    parser.add_argument("--drain", type=float, default=20, help="seconds that answers may take after SIGTERM")
    parser.add_argument("--last-words", default="/dev/termination-log", help="where a kubelet looks for why it ended")
    return parser.parse_args(arguments)


def _awaited(volume: Volume, patience: float, ended: threading.Event) -> Unscannable | None:
    """Wait for the folder; return why it cannot be read after so many seconds."""
    until = time.monotonic() + patience
    while True:
        try:
            missing = volume.missing()
        except Transient as error:
            missing = Unscannable("VolumeTrouble", str(error))
        if missing is None or time.monotonic() >= until or ended.wait(TURN):
            return missing


def _serve(server: ReaderServer, told: argparse.Namespace, ended: threading.Event) -> int:
    threading.Thread(target=server.serve_forever, args=(TURN,), name="accept", daemon=True).start()
    log.info("up at %s:%d", told.host, server.server_address[1])
    while not ended.wait(TURN):
        if not server.active and time.monotonic() - server.quiet_since > told.idle:
            log.info("nobody asked for %g s", told.idle)
            break
    server.shutdown()
    server.server_close()
    if not server.drained(told.drain):
        log.warning("cuts %d answers short", server.active)
    return 0


def _last_words(path: str, missing: Unscannable) -> None:
    try:
        Path(path).write_text(f"{missing.reason}: {missing.message}"[:4096])
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
