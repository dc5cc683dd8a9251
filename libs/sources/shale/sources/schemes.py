"""Which adapter reads which URI: a new kind of source is one more line here."""

from collections.abc import Callable

from shale.sources import filesystem
from shale.sources.reader import source as reader
from shale.sources.reader.source import Readers
from shale.sources.roots import Roots
from shale.sources.source import Source, Unscannable

_SCHEMES: dict[str, Callable[[str, Roots, Readers], Source | Unscannable]] = {
    "file": lambda uri, roots, _: filesystem.open_folder(uri, roots),
    "reader": lambda uri, _, readers: reader.open_reader(uri, readers),
}


def open_source(uri: str, roots: Roots, readers: Readers | None = None) -> Source | Unscannable:
    """Return the source at `uri`; its scheme decides who reads it. Raises Transient when a reader has no key here."""
    scheme, separator, _ = uri.partition("://")
    adapter = _SCHEMES.get(scheme) if separator else None
    if adapter is None:
        return Unscannable(
            "UnknownSource", f"nothing reads {uri!r}: known are {', '.join(f'{one}://' for one in _SCHEMES)}"
        )
    return adapter(uri, roots, readers or Readers())
