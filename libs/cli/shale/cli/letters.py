"""Dead letters as people and programs read them."""

from typing import Any

import msgspec

from shale.runtime.bus.deadletters import DeadLetter


def whom(letter: DeadLetter) -> str:
    """Return `modelversion team-a/mv-3 #1`, or as much of it as is known."""
    about = letter.about
    if about is None:
        return letter.subject
    name = f"{about.namespace}/{about.name}" if about.name else f"{about.namespace} uid {about.uid}".strip()
    generation = f" #{about.generation}" if about.generation else ""
    return f"{about.kind} {name}{generation}".strip()


def word_of(letter: DeadLetter) -> str:
    """Return what it is: `job pack-layer 0-abc~1`, `fact image-built`, `tick`."""
    match letter.subject.split("."):
        case ["shale", "job", word, _, _, _, part]:
            return f"job {word} {part}"
        case ["shale", "fact" | "now" as plane, _, _, _, _, _, word, *part]:
            return " ".join(("fact" if plane == "fact" else "reading", word, *part))
        case ["shale", kind, *_]:
            return kind
        case _:
            return letter.subject


def tree(letter: DeadLetter, *, payload: bool = False) -> dict[str, Any]:
    """Return a letter as plain data; its payload as JSON where it is an object of that, else as text."""
    found: dict[str, Any] = {
        "id": letter.id,
        "time": letter.time,
        "service": letter.service,
        "why": letter.why,
        "what": word_of(letter),
        "about": whom(letter),
        "subject": letter.subject,
        "stream": letter.stream,
        "sequence": letter.sequence,
    }
    return {**found, "payload": _payload(letter.data)} if payload else found


def _payload(data: bytes) -> Any:  # noqa: ANN401 (any JSON value)
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (ValueError, RecursionError):
        return data.decode(errors="backslashreplace")
