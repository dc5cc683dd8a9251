"""The map in the README: who wakes on what, does what, and says what; printed from the cards between two markers."""

from collections.abc import Mapping
from typing import Any

from shale.runtime.service import Card

BEGIN, END = "<!-- map -->", "<!-- /map -->"


def table(services: Mapping[str, tuple[Card, ...]]) -> str:
    """Return the map as one Markdown table: a row per card, jobs in bold."""
    rows = [_row(service, card) for service, cards in services.items() for card in cards]
    return "\n".join(("| service | wakes on | what it does | says, **asks** |", "|---|---|---|---|", *rows))


def _row(service: str, card: Card) -> str:
    name = service if service == card.name else f"{service}: {card.name}"
    wakes = _words((*card.hears, *card.reads), card.takes) or "the objects themselves"
    return f"| {name} | {wakes} | {card.does} | {_words(card.says, card.asks) or 'writes to the objects'} |"


def _words(facts: tuple[type[Any], ...], jobs: tuple[type[Any], ...]) -> str:
    return ", ".join((*(fact.__name__ for fact in facts), *(f"**{job.__name__}**" for job in jobs)))


def put(readme: str, services: Mapping[str, tuple[Card, ...]]) -> str | None:
    """Return the README with its map as the cards print it; None when it has no place for one."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(services)}\n{END}{after}" if begin and end else None
