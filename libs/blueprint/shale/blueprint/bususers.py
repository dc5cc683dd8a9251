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
            yield from consumer.filters if card.refers else ()
    for bucket in card.buckets:
        yield f"$KV.{bucket}.>"
    for bucket, word in card.keys:
        yield f"$KV.{bucket}.{word}.>"


def _api(card: Card) -> Iterator[str]:
    """Yield what a card asks of JetStream: to read levels, to be handed its messages, to keep its buckets."""
    facts, now, jobs = streams.FACTS.name, streams.NOW.name, streams.JOBS.name
    for wanted, asked in (
        # of an object with more generations than one answer holds, they are listed
        (True, (f"DIRECT.GET.{facts}", f"STREAM.MSG.GET.{facts}", f"STREAM.INFO.{facts}")),
        (card.hears, (f"STREAM.INFO.{streams.TICKS.name}",)),  # a tick is armed by the server's clock
        (card.reads, (f"DIRECT.GET.{now}",)),
        (set(READINGS) & set(card.says), (f"STREAM.MSG.GET.{now}", f"STREAM.INFO.{now}")),
        (card.asks, (f"STREAM.INFO.{jobs}", f"STREAM.PURGE.{jobs}")),
        # who declares counts who was declared, and watches over all streams
        (Declared in card.says, tuple(f"STREAM.INFO.{stream}" for stream in streams.stored().values())),
        (card.purges, (f"STREAM.MSG.DELETE.{facts}", *_taken_away())),
    ):
        yield from (f"{API}.{one}" for one in asked if wanted)
    for consumer in consumers(card):
        yield f"{API}.CONSUMER.MSG.NEXT.{consumer.stream}.{consumer.name}"
    for bucket in card.buckets:
        yield from _bucket(f"KV_{bucket}")
    for bucket, _ in card.keys:
        yield f"{API}.STREAM.MSG.GET.KV_{bucket}"


def _taken_away() -> tuple[str, ...]:
    """Return what it takes to find what is left of an object, and to take it away."""
    kept = (streams.JOBS.name, streams.NOW.name, streams.FACTS.name)
    return tuple(f"STREAM.{verb}.{stream}" for stream in kept for verb in ("INFO", "PURGE"))


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
