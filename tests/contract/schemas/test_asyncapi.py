"""The AsyncAPI document: a channel for every type, and nothing in it that leads nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from shale.blueprint.examples import EXAMPLES
from shale.blueprint.tree import ASYNCAPI
from shale.contracts import streams, subjects
from shale.contracts.jobs import Job
from shale.runtime.bus.provision import consumers
from shale.runtime.installed import services

PAGE = yaml.safe_load((Path(__file__).resolve().parents[3] / ASYNCAPI).read_text())
CHANNELS, OPERATIONS, COMPONENTS = PAGE["channels"], PAGE["operations"], PAGE["components"]
CARDS = [card for cards in services().values() for card in cards]

every_type = pytest.mark.parametrize("type_", EXAMPLES)


def subject_of(message) -> str:
    return subjects.of_job(message) if isinstance(message, Job) else subjects.of_fact(message)


def channel_of(type_: str):
    found = [channel for channel in CHANNELS.values() if type_ in channel["messages"]]
    assert len(found) == 1, f"{type_} is on {len(found)} channels"
    return found[0]


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "$ref" else references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_document_is_of_version_3():
    assert PAGE["asyncapi"] == "3.0.0"
    assert PAGE["defaultContentType"] == "application/cloudevents+json"


def test_every_reference_leads_somewhere():
    for reference in set(references(PAGE)):
        node = PAGE
        for key in reference.removeprefix("#/").split("/"):
            node = node[key]
        assert node


@every_type
def test_a_type_is_on_one_channel_whose_address_is_its_subject(type_: str):
    example, channel = EXAMPLES[type_], channel_of(type_)
    about = example.about
    known = {"namespace": about.namespace, "name": about.name, "uid": about.uid, "generation": about.generation}
    said = {**known, "part": getattr(example, "part", "")}
    assert channel["address"].format(**said) == subject_of(example)
    assert all(f"{{{name}}}" in channel["address"] for name in channel["parameters"])
    assert channel["address"].count("{") == len(channel["parameters"])


@every_type
def test_a_channel_names_the_stream_that_keeps_it(type_: str):
    channel = channel_of(type_)
    kept = next(stream for stream in streams.STREAMS if stream.name == channel["x-jetstream-stream"])
    assert any(channel["address"].startswith(subject.removesuffix(">")) for subject in kept.subjects)


@every_type
def test_a_message_pins_its_type_and_its_data(type_: str):
    envelope, data = COMPONENTS["messages"][type_]["payload"]["allOf"]
    assert envelope == {"$ref": "#/components/schemas/Envelope"}
    assert data["properties"]["type"] == {"const": type_}


def test_every_stream_and_bucket_is_described():
    assert [stream["name"] for stream in PAGE["info"]["x-jetstream-streams"]] == [s.name for s in streams.STREAMS]
    assert [bucket["name"] for bucket in PAGE["info"]["x-jetstream-buckets"]] == [b.name for b in streams.BUCKETS]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_sends_what_it_says_and_asks(card):
    sent = {name for name, operation in OPERATIONS.items() if operation["action"] == "send"}
    words = {f"{card.name}.says.{kind}.{subjects.word(said)}" for kind in card.kinds for said in card.says}
    asks = {f"{card.name}.asks.job.{subjects.word(job)}" for job in card.asks}
    gone = {
        name.replace(".model.", ".").replace(".modelversion.", ".") if name.endswith(".gone") else name
        for name in words
    }
    assert gone | asks == {name for name in sent if name.startswith(f"{card.name}.")}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_what_a_card_receives_is_what_its_consumers_filter(card):
    filters = {one for consumer in consumers(card) for one in consumer.filters if consumer.stream != streams.TICKS.name}
    received = [
        CHANNELS[operation["channel"]["$ref"].rpartition("/")[2]]["address"]
        for operation in OPERATIONS.values()
        if operation.get("x-jetstream-consumer") == card.name
    ]
    assert all(any(_lets_through(one, address) for one in filters) for address in received)
    assert bool(received) == bool(filters)


def _lets_through(pattern: str, address: str) -> bool:
    """Whether a NATS filter takes the subjects of an address."""
    wanted, said = pattern.split("."), address.split(".")
    if wanted[-1] == ">":
        return len(said) >= len(wanted) and _match(wanted[:-1], said)
    return len(said) == len(wanted) and _match(wanted, said)


def _match(wanted: list[str], said: list[str]) -> bool:
    return all(one in ("*", other) for one, other in zip(wanted, said, strict=False))
