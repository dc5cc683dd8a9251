"""What an API server sends around objects: events, pages, as much of an object as watching needs. Raw inside."""

from typing import Literal

import msgspec

from shale.kube.answers import Status


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """As much of an object's metadata as watching needs."""

    namespace: str = ""
    name: str = ""
    resource_version: str = ""
    annotations: dict[str, str] = {}


class Envelope(msgspec.Struct, frozen=True):
    """An object of which only the metadata matters."""

    metadata: Meta = Meta()


class Event(msgspec.Struct, frozen=True):
    """One line of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """Where a list stands, and how it goes on."""

    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct, frozen=True):
    """One answer to a list."""

    metadata: ListMeta
    items: list[msgspec.Raw] = []


class Version(msgspec.Struct, frozen=True):
    """The release of a server; a vendor's minor may end in "+"."""

    major: str = ""
    minor: str = ""


EVENTS, PAGES = msgspec.json.Decoder(Event), msgspec.json.Decoder(Page)
ENVELOPES, STATUSES = msgspec.json.Decoder(Envelope), msgspec.json.Decoder(Status)
