"""Who is stopped in the middle of a part ends it, if that is soon done."""

from collections.abc import Callable
from time import monotonic

_SOON = 6.0
"""Seconds: half of the 20 s that a worker has to end in is for work that was told to stop, and a place is noted too."""


class Pace:
    """What is heard after each piece of a body.

    A registry that is cut off in a part may lose the whole upload for it (docker-registry 2.8.2 and Harbor over it:
    distribution #3755, mended in 3.0): a stop waits for the part to end, and no longer than it is worth.
    """

    def __init__(self, heed: Callable[[], None], moved: Callable[[int], None]) -> None:
        self._heed, self._moved = heed, moved
        self._stops: list[Exception] = []
        self._until = 0.0
        self.in_a_part = False

    def tell(self, done: int) -> None:
        """Say how far it is. Raises what ends the work, in a part only when that takes too long."""
        if not self._stops:
            try:
                self._heed()
                self._moved(done)
            except Exception as stop:
                if not self.in_a_part:
                    raise
                self._stops, self._until = [stop], monotonic() + _SOON
        elif monotonic() > self._until:
            raise self._stops.pop()

    def ended(self) -> None:
        """Say that the part is through. Raises what was held back."""
        self.in_a_part = False
        if self._stops:
            raise self._stops.pop()
