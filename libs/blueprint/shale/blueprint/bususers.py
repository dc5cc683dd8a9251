"""The users of NATS, one per service, with its own subjects only: printed from the cards as nats-server's config.

What no subject can narrow: whoever may read a stream reads all of it (`DIRECT.GET` filters in its payload), and whoever
asks for jobs may purge any of them.
"""

from collections.abc import Iterator, Sequence

import msgspec

from shale.blueprint.asyncapi import Services
from shale.blueprint.pages import NOTE
from shale.contracts import streams, subjects
from shale.contracts.facts import READINGS, Declared, Gone
from shale.runtime.bus.provision import consumers
from shale.runtime.service import Card

API = "$JS.API"
PURGED = (streams.JOBS.name, streams.NOW.name, streams.FACTS.name)


class User(msgspec.Struct, frozen=True):
    """Who may log in, and the subjects that are open to it; every other one is refused."""

    name: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]

    @property
    def variable(self) -> str:
        """The environment variable of nats-server that holds its password."""
        return f"SHALE_PASSWORD_{self.name.replace('-', '_').upper()}"


INIT = User(
    "init",
    publish=(
        f"{API}.STREAM.INFO.*",
        f"{API}.STREAM.CREATE.*",
        f"{API}.STREAM.UPDATE.*",
        f"{API}.CONSUMER.INFO.*.*",
        f"{API}.CONSUMER.CREATE.*.>",
    ),
    subscribe=("_INBOX.cli.>",),
)
"""`shale init`: makes and upgrades streams, buckets and consumers."""
OPERATOR = User(
    "operator",
    publish=("shale.>", f"{API}.>", "$JS.ACK.>", "$KV.>"),
    subscribe=("shale.>", "_INBOX.cli.>"),
)
"""A person with the `shale` command: all of Shale, and nothing of the server's own account."""


def users(services: Services) -> tuple[User, ...]:
    """Return every user: one per service, `shale init`, and the operator."""
    return (*(_user(service, cards) for service, cards in services.items()), INIT, OPERATOR)


def _user(service: str, cards: Sequence[Card]) -> User:
    publish = {subject for card in cards for subject in (*_says(card), *_api(card))}
    return User(service, tuple(sorted(publish)), tuple(sorted(_hears(service, cards))))


def _says(card: Card) -> Iterator[str]:
    for kind in card.kinds:
        for fact in card.says:
            yield from subjects.said(kind, fact, card.name)
    yield from map(subjects.taken, card.asks)
    for consumer in consumers(card):
        yield f"$JS.ACK.{consumer.stream}.{consumer.name}.>"
        yield f"shale.dead.{consumer.stream}.*"
        if consumer.stream == streams.TICKS.name:
            yield from map(subjects.armed, consumer.filters)
    for bucket in card.buckets:
        yield f"$KV.{bucket}.>"


def _api(card: Card) -> Iterator[str]:
    """Yield what a card asks of JetStream: to read levels, to be handed its messages, to keep its buckets."""
    yield f"{API}.DIRECT.GET.{streams.FACTS.name}"
    yield f"{API}.STREAM.MSG.GET.{streams.FACTS.name}"
    if card.reads:
        yield f"{API}.DIRECT.GET.{streams.NOW.name}"
    if any(fact in READINGS for fact in card.says):
        yield f"{API}.STREAM.MSG.GET.{streams.NOW.name}"
    if card.asks:
        yield f"{API}.STREAM.INFO.{streams.JOBS.name}"
        yield f"{API}.STREAM.PURGE.{streams.JOBS.name}"
    if Declared in card.says:
        yield f"{API}.STREAM.INFO.{streams.FACTS.name}"
    if card.purges:
        yield f"{API}.STREAM.MSG.DELETE.{streams.FACTS.name}"
        for stream in PURGED:
            yield f"{API}.STREAM.INFO.{stream}"
            yield f"{API}.STREAM.PURGE.{stream}"
    for consumer in consumers(card):
        yield f"{API}.CONSUMER.MSG.NEXT.{consumer.stream}.{consumer.name}"
    for bucket in card.buckets:
        yield from _bucket(f"KV_{bucket}")


def _bucket(stream: str) -> Iterator[str]:
    """Yield what it takes to read, list and watch a bucket: its consumers are ephemeral, and named by the client."""
    yield f"{API}.STREAM.INFO.{stream}"
    yield f"{API}.STREAM.MSG.GET.{stream}"
    yield f"{API}.CONSUMER.CREATE.{stream}.>"
    yield f"{API}.CONSUMER.INFO.{stream}.*"
    yield f"{API}.CONSUMER.MSG.NEXT.{stream}.*"
    yield f"{API}.CONSUMER.DELETE.{stream}.*"


def _hears(service: str, cards: Sequence[Card]) -> Iterator[str]:
    """Yield what is subscribed to: answers, and for who takes jobs the end of what they are for."""
    yield f"_INBOX.{service}.>"
    if any(card.takes for card in cards):
        yield subjects.heard("*", Declared)
        yield subjects.heard("", Gone)


def config(services: Services) -> str:
    """Return the accounts as a page of nats-server's config; passwords come from the server's environment."""
    blocks = "".join(_block(user) for user in users(services))
    return (
        f"# {NOTE}\n"
        "# Passwords come from the environment of nats-server: letters first, then letters and digits.\n"
        f"accounts {{\n  SHALE {{\n    jetstream: enabled\n    users: [\n{blocks}    ]\n  }}\n  SYS {{}}\n}}\n"
        "system_account: SYS\n"
    )


def _block(user: User) -> str:
    return (
        f"      {{\n        user: {user.name}\n        password: ${user.variable}\n        permissions {{\n"
        f"{_allowed('publish', user.publish)}{_allowed('subscribe', user.subscribe)}        }}\n      }}\n"
    )


def _allowed(verb: str, subjects_: Sequence[str]) -> str:
    lines = "".join(f'            "{subject}"\n' for subject in subjects_)
    return f"          {verb} {{ allow: [\n{lines}          ] }}\n"
