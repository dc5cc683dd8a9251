"""Which servers' folders may be mounted: an allow-list, `nas.example:/exports,fs-123`. Pure."""

import posixpath

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One server (or file system), and the folder of it that may be mounted, with all below."""

    server: str
    path: str = "/"


class Allowed(msgspec.Struct, frozen=True):
    """All that may be mounted; nothing by default."""

    entries: tuple[Entry, ...] = ()

    def allows(self, server: str, path: str) -> bool:
        """Return whether a folder may be mounted; a path that climbs is asked about by nobody."""
        wanted = posixpath.normpath("/" + path.lstrip("/"))
        return any(one.server == server.lower() and _within(wanted, one.path) for one in self.entries)

    def __str__(self) -> str:
        """Return the list as a person reads it."""
        return ", ".join(f"{one.server}:{one.path}" for one in self.entries) or "none"


def parse(text: str) -> Allowed:
    """Read `SERVER:/PATH,SERVER`; ValueError names what is wrong."""
    return Allowed(tuple(_entry(piece.strip()) for piece in text.split(",") if piece.strip()))


def _entry(text: str) -> Entry:
    server, separator, path = text.partition(":/")
    if not server or "/" in server or ".." in path.split("/") or (":" in server and not server.startswith("[")):
        raise ValueError(f"{text!r} allows nothing: write SERVER:/PATH, or SERVER for all of it")
    return Entry(server.lower(), posixpath.normpath(f"/{path.strip('/')}") if separator else "/")


def _within(path: str, above: str) -> bool:
    return path == above or path.startswith(above.rstrip("/") + "/")
