"""AsyncAPI 3.0: which subjects there are, what is said on them, and by whom; from the examples and the cards."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from shale.blueprint.examples import EXAMPLES
from shale.blueprint.schemas import brief, struct_of
from shale.contracts import streams, subjects
from shale.contracts.envelope import CONTENT_TYPE, Envelope, Message, type_of
from shale.contracts.facts import READINGS, Gone
from shale.contracts.jobs import JOBS, Job
from shale.runtime.service import Card

Page = dict[str, Any]
Services = Mapping[str, tuple[Card, ...]]

PARAMETERS = {
    "namespace": "The namespace of the object; a `.` in a name is written `_`.",
    "name": "The name of the object.",
    "uid": "The uid of the object: a namesake made later has another.",
    "generation": "The generation of its spec, from 1; 0 speaks of the object as a whole.",
    "part": "What of the object: a layer, a service, `<kind>~<name>`; a reading's: `<service>[.<part>]`.",
}


def asyncapi(services: Services) -> Page:
    """Return the whole document; without services it has no operations."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Shale",
            "version": "1",
            "description": "Facts and jobs are the only language between the services of Shale, on NATS JetStream. "
            "A fact is past tense and for everyone; a job is imperative and for exactly one worker.",
            "x-jetstream-streams": [_described(stream) for stream in streams.STREAMS],
            "x-jetstream-buckets": [_described(bucket) for bucket in streams.BUCKETS],
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels(),
        "operations": dict(_operations(services)),
        "components": {
            "messages": {type_: _message(type_, example) for type_, example in EXAMPLES.items()},
            "parameters": {name: {"description": why} for name, why in PARAMETERS.items()},
            "schemas": _schemas(),
        },
    }


def channels() -> Page:
    """Return one channel per pattern of subjects; all types that are said on it are its messages."""
    made: Page = {}
    for type_, example in EXAMPLES.items():
        channel = made.setdefault(channel_of(example.about.kind, type(example)), _channel(example))
        channel["messages"][type_] = {"$ref": f"#/components/messages/{type_}"}
    return made


def channel_of(kind: str, message: type[Any]) -> str:
    """Return the name of the channel on which a class of messages is said of one kind."""
    if message is Gone:
        return "gone"
    return f"{'job' if message in JOBS else kind}.{subjects.word(message)}"


def address(example: Message) -> str:
    """Return the pattern of the subject on which messages like this one are said."""
    subject = subjects.of_job(example) if isinstance(example, Job) else subjects.of_fact(example)
    match subject.split("."):
        case ["shale", "gone", _]:
            return "shale.gone.{uid}"
        case ["shale", "job", said, *_]:
            return f"shale.job.{said}.{{namespace}}.{{uid}}.{{generation}}.{{part}}"
        case ["shale", plane, kind, _, _, _, _, said, *part]:
            return (
                f"shale.{plane}.{kind}.{{namespace}}.{{name}}.{{uid}}.{{generation}}.{said}{'.{part}' if part else ''}"
            )
        case _:
            raise subjects.SubjectError(
                f"{subject!r}, of {type_of(example)}, has no pattern: tell asyncapi.address of it"
            )


def _channel(example: Message) -> Page:
    pattern = address(example)
    stream = (
        streams.JOBS if isinstance(example, Job) else streams.NOW if isinstance(example, READINGS) else streams.FACTS
    )
    return {
        "address": pattern,
        "description": _summary(type(example)),
        "messages": {},
        "parameters": {
            name: {"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS if f"{{{name}}}" in pattern
        },
        "x-jetstream-stream": stream.name,
    }


def _operations(services: Services) -> Iterator[tuple[str, Page]]:
    known = channels()
    for service, cards in services.items():
        for card in cards:
            for verb, action, messages in _verbs(card):
                for channel in dict.fromkeys(channel_of(kind, message) for message in messages for kind in card.kinds):
                    if channel in known:
                        yield f"{card.name}.{verb}.{channel}", _operation(service, card, action, channel)


def _verbs(card: Card) -> tuple[tuple[str, str, tuple[type[Any], ...]], ...]:
    return (
        ("hears", "receive", card.hears),
        ("reads", "receive", card.reads),
        ("takes", "receive", card.takes),
        ("says", "send", card.says),
        ("asks", "send", card.asks),
    )


def _operation(service: str, card: Card, action: str, channel: str) -> Page:
    operation = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"{card.name} {card.does}",
        "tags": [{"name": service}],
    }
    return {**operation, "x-jetstream-consumer": card.name} if action == "receive" else operation


def _message(type_: str, example: Message) -> Page:
    title = msgspec.json.schema_components([struct_of(example)], ref_template="{name}")[0][0]["$ref"]
    says = {"type": {"const": type_}, "data": {"$ref": f"#/components/schemas/{title}"}}
    return {
        "name": type_,
        "title": type(example).__name__,
        "summary": _summary(type(example)),
        "contentType": CONTENT_TYPE,
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, {"type": "object", "properties": says}]},
    }


def _schemas() -> Page:
    structs = [Envelope, *dict.fromkeys(struct_of(example) for example in EXAMPLES.values())]
    return brief(msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")[1])


def _summary(message: type[Any]) -> str:
    return (message.__doc__ or "").strip().split("\n", 1)[0]


def _described(data: streams.Stream | streams.Bucket) -> Page:
    """Return a stream or bucket as it differs from the plainest one."""
    plain: Page = msgspec.to_builtins(type(data)(name=""))
    said: Page = msgspec.to_builtins(data)
    return {key: value for key, value in said.items() if value != plain[key]}
