"""Which adapter reads which URI: a new kind of source is one more line here."""

from collections.abc import Callable

from shale.sources import filesystem
from shale.sources.roots import Roots
from shale.sources.source import Source, Unscannable

_SCHEMES: dict[str, Callable[[str, Roots], Source | Unscannable]] = {
    "file": filesystem.open_folder,
}


def open_source(uri: str, roots: Roots) -> Source | Unscannable:
    """Return the source at `uri`; its scheme decides who reads it."""
    scheme, separator, _ = uri.partition("://")
    adapter = _SCHEMES.get(scheme) if separator else None
    if adapter is None:
        return Unscannable(
            "UnknownSource", f"nothing reads {uri!r}: known are {', '.join(f'{one}://' for one in _SCHEMES)}"
        )
    return adapter(uri, roots)
