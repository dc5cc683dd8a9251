"""Which servers' folders may be mounted: an allow-list, `nas.example:/exports,fs-123,fs-4::fsap-5`. Pure."""

import posixpath

import msgspec

POINT = "fsap-"
"""How the name of an EFS access point begins."""


class Entry(msgspec.Struct, frozen=True):
    """One server (or file system), and the folder of it that may be mounted, with all below; or one access point."""

    server: str
    path: str = "/"
    point: str = ""


class Allowed(msgspec.Struct, frozen=True):
    """All that may be mounted; nothing by default."""

    entries: tuple[Entry, ...] = ()

    def allows(self, server: str, path: str) -> bool:
        """Return whether a folder may be mounted; a path that climbs is asked about by nobody."""
        wanted = posixpath.normpath("/" + path.lstrip("/"))
        return any(not one.point and _within(wanted, one.path) for one in self._of(server))

    def allows_point(self, server: str, point: str) -> bool:
        """Return whether an access point may be mounted: its root may be any folder, and its name tells nothing."""
        return any(one.point == point if one.point else one.path == "/" for one in self._of(server))

    def _of(self, server: str) -> tuple[Entry, ...]:
        return tuple(one for one in self.entries if one.server == server.lower())

    def __str__(self) -> str:
        """Return the list as a person reads it."""
        return ", ".join(f"{one.server}:{f':{one.point}' if one.point else one.path}" for one in self.entries) or "none"


def parse(text: str) -> Allowed:
    """Read `SERVER:/PATH,SERVER,SYSTEM::POINT`; ValueError names what is wrong."""
    return Allowed(tuple(_entry(piece.strip()) for piece in text.split(",") if piece.strip()))


def _entry(text: str) -> Entry:
    system, point_follows, point = text.partition(f"::{POINT}")
    if point_follows and system.isascii() and system.replace("-", "").isalnum() and point.isalnum():
        return Entry(system.lower(), point=POINT + point)
    server, separator, path = text.partition(":/")
    if not server or "/" in server or ".." in path.split("/") or (":" in server and not server.startswith("[")):
        raise ValueError(f"{text!r} allows nothing: write SERVER:/PATH, or SERVER for all of it")
    return Entry(server.lower(), posixpath.normpath(f"/{path.strip('/')}") if separator else "/")


def _within(path: str, above: str) -> bool:
    return path == above or path.startswith(above.rstrip("/") + "/")
