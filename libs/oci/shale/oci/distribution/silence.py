"""Who was silent lately is not asked by everybody: a dead registry costs one wait, not one for each who works."""

from collections.abc import Callable
from threading import Lock

from shale.contracts.errors import Transient
from shale.oci.distribution.origin import Origin


class Silences:
    """Who did not answer in time, until when they are left alone (`seconds`). Shared by threads and jobs.

    When that is over one request goes out, and while it waits (`longest`) nobody else does.
    """

    def __init__(self, seconds: float, longest: float, clock: Callable[[], float]) -> None:
        self._seconds, self._longest, self._clock = seconds, longest, clock
        self._until: dict[Origin, float] = {}
        self._lock = Lock()

    def enter(self, there: Origin) -> None:
        """Come before each request. Raises Transient when it is not yet time to ask again."""
        with self._lock:
            now = self._clock()
            if there not in self._until:
                return
            left = self._until[there] - now
            if left > 0:
                raise _left_alone(there, left)
            self._until[there] = now + self._longest

    def heed(self, *origins: Origin) -> None:
        """Come before work that will end in a request to one of these. Raises Transient when all are left alone."""
        with self._lock:
            left = min(self._until.get(one, 0.0) for one in origins) - self._clock()
        if left > 0:
            raise _left_alone(origins[0], left)

    def answered(self, there: Origin) -> None:
        """Note that something came back, be it trouble."""
        with self._lock:
            self._until.pop(there, None)

    def silent(self, there: Origin) -> None:
        """Note that nothing came, or too little."""
        with self._lock:
            now = self._clock()
            self._until = {one: until for one, until in self._until.items() if until > now}
            self._until[there] = now + self._seconds


def _left_alone(there: Origin, left: float) -> Transient:
    return Transient(f"{there} does not answer in time: it is asked again in {left:.0f} s", left)
