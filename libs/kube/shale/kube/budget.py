"""How much may be said of each of many things: so much at once, and then a little. Bounded itself."""

from collections import OrderedDict
from collections.abc import Callable

MANY = 4096
"""Things that are remembered; of who was longest quiet it is forgotten that they ever spoke."""


class Budget:
    """`burst` words of each at once, and one more every so many `seconds` of the clock."""

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float]) -> None:
        self._burst, self._seconds, self._clock = burst, seconds, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def takes(self, whose: str) -> bool:
        """Take a word of someone's; False when they have none left."""
        now = self._clock()
        left, at = self._left.pop(whose, (float(self._burst), now))
        left = min(self._burst, left + (now - at) / self._seconds)
        self._left[whose] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > MANY:
            self._left.popitem(last=False)
        return left >= 1
