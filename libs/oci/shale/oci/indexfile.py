"""`index.json` of an image layout: which manifests it names by tag (image-spec, image-layout.md)."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shale.oci import disk
from shale.oci.descriptor import IMAGE_INDEX, REF_NAME, Descriptor

LAYOUT_FILE = b'{"imageLayoutVersion":"1.0.0"}'


class IndexFile(msgspec.Struct, rename="camel", omit_defaults=True):
    """The file's shape; `media_type` is missing where older tools wrote it."""

    schema_version: int
    manifests: list[Descriptor]
    media_type: str = ""


def create(folder: Path) -> None:
    """Make an empty layout of `folder`, unless it is one."""
    if (folder / "oci-layout").exists():
        return
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    with disk.locked(folder):
        if not (folder / "index.json").exists():
            _write(folder, [])
        disk.replace(folder / "oci-layout", LAYOUT_FILE)  # last: whoever sees it may use the layout


def read(folder: Path) -> list[Descriptor]:
    """Return what the index names; nothing where there is no layout."""
    with disk.passing(f"read the tags in {folder}"):
        try:
            data = (folder / "index.json").read_bytes()
        except FileNotFoundError:
            return []
    return msgspec.json.decode(data, type=IndexFile).manifests


@contextmanager
def changing(folder: Path) -> Generator[list[Descriptor]]:
    """Lock the layout, hand out its entries, and write them back whole if they were changed."""
    with disk.locked(folder):
        entries = read(folder)
        before = list(entries)
        yield entries
        if entries != before:
            _write(folder, entries)


def tag_of(entry: Descriptor) -> str | None:
    """Return the tag that an entry stands for."""
    return (entry.annotations or {}).get(REF_NAME)


def tagged(descriptor: Descriptor, tag: str) -> Descriptor:
    """Return the entry that lets `tag` name a manifest."""
    return msgspec.structs.replace(descriptor, annotations={REF_NAME: tag})


def _write(folder: Path, entries: list[Descriptor]) -> None:
    content = IndexFile(2, sorted(entries, key=lambda entry: tag_of(entry) or ""))
    data = msgspec.json.encode(msgspec.structs.replace(content, media_type=IMAGE_INDEX), order="sorted")
    disk.replace(folder / "index.json", data)
