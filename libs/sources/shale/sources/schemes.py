"""Which adapter reads which URI: a new kind of source is one more line here."""

from collections.abc import Callable

from shale.sources import filesystem
from shale.sources.reader import source as reader
from shale.sources.reader.source import Readers
from shale.sources.roots import Roots
from shale.sources.source import Source, Unscannable

_SCHEMES: dict[str, Callable[[str, Roots, Readers, str], Source | Unscannable]] = {
    "file": lambda uri, roots, _readers, _title: filesystem.open_folder(uri, roots),
    "reader": lambda uri, _, readers, title: reader.open_reader(uri, readers, title),
}


def open_source(uri: str, roots: Roots, readers: Readers | None = None, title: str = "") -> Source | Unscannable:
    """Return the source at `uri`; its scheme decides who reads it. Raises Transient when a reader has no key here.

    `title` is how people name what a URI does not tell them.
    """
    scheme, separator, _ = uri.partition("://")
    adapter = _SCHEMES.get(scheme) if separator else None
    if adapter is None:
        return Unscannable(
            "UnknownSource", f"nothing reads {uri!r}: known are {', '.join(f'{one}://' for one in _SCHEMES)}"
        )
    return adapter(uri, roots, readers or Readers(), title)
