"""The plan is closed: what is asked has a taker, what is heard is said by someone, what is said is heard by someone."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from shale.blueprint.asyncapi import channel_of, channels
from shale.contracts import streams, subjects
from shale.contracts.facts import MILESTONES, READINGS, Gone, Held, Released
from shale.contracts.jobs import JOBS, ends
from shale.contracts.resources import KINDS
from shale.runtime.installed import services

ROOT = Path(__file__).resolve().parents[3]
CARDS = [card for cards in services().values() for card in cards]

FOR_OUTSIDERS_ONLY: dict[type[Any], str] = {}
"""Facts that no service of ours hears, each with the reason why it is said all the same."""

every_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
every_job = pytest.mark.parametrize("job", JOBS, ids=subjects.word)
every_fact = pytest.mark.parametrize("fact", [*MILESTONES, *READINGS], ids=subjects.word)


def who(words: str, thing: type[Any]) -> list[str]:
    return [card.name for card in CARDS if thing in getattr(card, words)]


def names(things: Iterable[type[Any]]) -> list[str]:
    return sorted(thing.__name__ for thing in things)


def test_every_service_of_the_workspace_is_installed_with_its_cards():
    assert list(services()) == sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml"))


def test_no_two_cards_have_one_name():
    assert len({card.name for card in CARDS}) == len(CARDS)


@every_job
def test_a_job_has_exactly_one_taker(job):
    assert len(who("takes", job)) == 1


@every_job
def test_a_job_is_asked_by_someone(job):
    assert who("asks", job) != []


@every_job
def test_who_takes_a_job_says_how_it_ended(job):
    taker = next(card for card in CARDS if job in card.takes)
    assert set(ends(job)) <= set(taker.says)


@every_job
def test_who_asks_for_a_job_hears_how_it_ended(job):
    assert [card.name for card in CARDS if job in card.asks and not set(ends(job)) <= set(card.hears)] == []


@every_fact
def test_a_fact_is_said_by_someone(fact):
    assert who("says", fact) != []


@every_fact
def test_a_fact_is_heard_by_someone_or_said_for_a_reason(fact):
    heard = who("hears", fact) + who("reads", fact)
    assert bool(heard) != (fact in FOR_OUTSIDERS_ONLY), f"{fact.__name__}: heard by {heard}"


@every_card
def test_what_a_card_hears_is_said_by_someone(card):
    assert [thing for thing in names((*card.hears, *card.reads)) if thing not in _all("says")] == []


@every_card
def test_what_a_card_takes_is_asked_by_someone(card):
    assert [thing for thing in names(card.takes) if thing not in _all("asks")] == []


@every_card
def test_what_a_card_says_is_printed_for_each_kind_that_it_serves(card):
    said = {channel_of(kind, thing) for kind in card.kinds for thing in (*card.says, *card.asks)}
    assert said - channels().keys() == set()


@every_card
def test_a_card_says_its_last_word(card):
    assert set(card.ends) <= set(card.says)


@every_card
def test_a_card_serves_kinds_that_there_are_from_buckets_that_there_are(card):
    assert set(card.kinds) <= KINDS.keys()
    assert {*card.buckets, *(name for name, _ in card.keys)} <= {bucket.name for bucket in streams.BUCKETS}


@every_card
def test_who_holds_hears_that_it_is_over_and_releases(card):
    assert (Held in card.says) == (Released in card.says)
    assert Held not in card.says or Gone in card.hears


@every_card
def test_a_card_tells_in_one_line_what_it_does(card):
    assert card.does
    assert "\n" not in card.does
    assert subjects.token(card.name) == card.name


def _all(words: str) -> list[str]:
    return names({thing for card in CARDS for thing in getattr(card, words)})


@pytest.mark.parametrize(
    ("kind", "fact"),
    [pytest.param(kind, fact, id=f"{kind} {subjects.word(fact)}") for kind in KINDS for fact in MILESTONES],
)
def test_whoever_hears_a_fact_someone_who_may_delete_it_hears_it_too(kind: str, fact):
    """What cannot be decoded is deleted by who purges: told to others only, it would bar the true one for ever."""
    hearers = [card for card in CARDS if kind in card.kinds and fact in card.hears]
    assert not hearers or any(card.purges for card in hearers)
