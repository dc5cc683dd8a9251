"""The words by which people name objects: `mv`, `modelversions`, `mv/NAME`, `mv NAME`."""

from collections.abc import Sequence
from difflib import get_close_matches

import msgspec

from shale.cli.exits import usage
from shale.contracts.resources import KINDS, Kind

DEFAULT_NAMESPACE = "default"


class Target(msgspec.Struct, frozen=True):
    """What a command is about: a kind, or one object of it."""

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        """Return `modelversion mv-3`."""
        return f"{self.kind.word} {self.name}".strip()


def find(word: str) -> Kind:
    """Return the kind of a plural, singular or short word. Raises CliError (usage) with the kinds that there are."""
    words = {said: kind for kind in KINDS.values() for said in (kind.word, kind.plural, kind.short)}
    kind = words.get(word.lower())
    if kind is None:
        near = get_close_matches(word.lower(), words, n=1)
        hint = f"did you mean {near[0]}" if near else f"there are {', '.join(one.plural for one in KINDS.values())}"
        raise usage(f"no kind {word!r}: {hint}")
    return kind


def targets(words: Sequence[str], *, named: bool = False) -> list[Target]:
    """Read what `target` reads, `KIND NAME NAME ...` and `KIND/NAME KIND/NAME ...`; each object once."""
    if len(words) > 1 and "/" not in words[0] and not any("/" in name for name in words[1:]):
        words = [f"{words[0]}/{name}" for name in words[1:]]
    if len(words) > 1 and (alone := next((word for word in words if "/" not in word), "")):
        raise usage(f"{alone!r} among several is not KIND/NAME: write KIND/NAME for each, or KIND NAME [NAME ...]")
    found = [target([word], named=named) for word in words]
    return list({str(one): one for one in found}.values())


def target(words: Sequence[str], *, named: bool = False) -> Target:
    """Read `KIND`, `KIND NAME` or `KIND/NAME`; with `named` the name must be there. Raises CliError (usage)."""
    parts = [part for word in words for part in word.split("/", 1)]
    if len(parts) > 2 or not all(parts):  # noqa: PLR2004 (a kind and a name)
        raise usage(f"{' '.join(words)!r} is not KIND, KIND NAME or KIND/NAME: name one object")
    if named and len(parts) == 1:
        raise usage(f"which {find(parts[0]).word}? write {parts[0]}/NAME")
    return Target(find(parts[0]), *parts[1:])
