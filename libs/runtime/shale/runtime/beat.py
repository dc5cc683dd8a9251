"""How long work says how far it is, and learns that it is no longer wanted: safe to use from a worker thread."""

import threading
from typing import Literal

Cause = Literal["", "over", "lost", "handed over", "silent"]


class Stopped(Exception):  # noqa: N818 (an order, not a mistake)
    """Raised in the work by `Beat.moved` when nobody wants it any more.

    Take back what is half done, and let it through.
    """


class Beat:
    """The pulse of one piece of work.

    The work calls `moved` at least once per block (1 MiB); the runtime reads `bytes_done` once a second and tells it
    as a reading.
    """

    def __init__(self) -> None:
        self.bytes_done = 0
        self.signs = 0
        """How often it moved: work that gives no sign for too long is given up."""
        self.cause: Cause = ""
        self._stop = threading.Event()

    def moved(self, bytes_done: int) -> None:
        """Note how many bytes are done in all. Raises Stopped when the work is no longer wanted."""
        self.bytes_done = bytes_done
        self.signs += 1
        self.heed()

    def heed(self) -> None:
        """Raise Stopped when the work is no longer wanted."""
        if self._stop.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait before something is tried again. Raises Stopped as soon as the work is no longer wanted."""
        if self._stop.wait(seconds):
            raise Stopped

    def stop(self, cause: Cause) -> None:
        """Make the next `moved` raise.

        The object is `over`, another worker has it or may have it (`lost`), this process ends (`handed over`), or it
        gave no sign for too long (`silent`).
        """
        self.cause = self.cause or cause
        self._stop.set()
