"""How full the streams are, and whether they are still the same: what whoever watches over them asks now and then."""

from collections.abc import Iterable

import msgspec

from shale.contracts import streams
from shale.runtime.bus.connection import Bus


class Stock(msgspec.Struct, frozen=True):
    """One stream as it stands: `name` as people know it, `used` and `allowed` in bytes (0: no bound).

    `born` is when it was made (RFC 3339), `last` the last sequence that it gave.
    """

    name: str
    used: int
    allowed: int
    born: str = ""
    last: int = 0
    messages: int = 0

    @property
    def share(self) -> float:
        """How full it is, 1 for full."""
        return self.used / self.allowed if self.allowed > 0 else 0.0

    @property
    def is_filling(self) -> bool:
        """Whether somebody is to be told."""
        return self.share >= streams.ALERT and self.name != streams.INDEX.name  # there the oldest hints make room

    def follows(self, before: "Stock") -> bool:
        """Whether this is what `before` became: neither made anew nor emptied in between."""
        emptied = before.messages > 0 and self.messages == 0
        return self.born == before.born and self.last >= before.last and not emptied

    def __str__(self) -> str:
        """Return one line for a person, with the cure."""
        full = f"{self.name} is {self.share:.0%} full ({self.used} of {self.allowed} bytes)"
        return f"{full}: free some (`shale delete` what nobody needs), or have `shale init` give it more"


class JetStore:
    """Reads the state of all streams of ours."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def stocks(self) -> tuple[Stock, ...]:
        """Return every stream that is there. Raises Transient."""
        answers = {name: await self.bus.api(f"STREAM.INFO.{there}", {}) for name, there in streams.stored().items()}
        return tuple(_stock(name, answer) for name, answer in answers.items() if "error" not in answer)


def filling(stocks: Iterable[Stock], known: set[str]) -> list[Stock]:
    """Return what became too full since the last look; `known` holds those of that look, and then those of this."""
    found = [one for one in stocks if one.is_filling]
    news = [one for one in found if one.name not in known]
    known.clear()
    known.update(one.name for one in found)
    return news


def _stock(name: str, answer: dict[str, dict[str, int]]) -> Stock:
    state, bound = answer["state"], answer["config"].get("max_bytes", -1)
    return Stock(
        name=name,
        used=state["bytes"],
        allowed=max(0, bound),
        born=str(answer["created"]),
        last=state["last_seq"],
        messages=state["messages"],
    )
