"""Everything that an image consists of, walked from its top."""

from __future__ import annotations

import pytest

from shale.oci import digest, manifest, whole
from shale.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, Descriptor
from shale.oci.manifest import Index, Manifest


class Shelf:
    """Documents by their digests, and what refers to them."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.about: dict[str, list[Descriptor]] = {}

    def manifest(self, digest: str) -> bytes | None:
        return self.held.get(digest)

    def referrers(self, digest: str) -> list[Descriptor]:
        return self.about.get(digest, [])

    def put(self, document: Manifest | Index) -> Descriptor:
        data = manifest.canonical(document)
        described = Descriptor(manifest.media_type(document), digest.of(data), len(data))
        self.held[described.digest] = data
        if document.subject:
            self.about.setdefault(document.subject.digest, []).append(described)
        return described


def blob(name: str) -> Descriptor:
    return Descriptor("application/x", digest.of(name.encode()), len(name))


def image(*layers: str, subject: Descriptor | None = None) -> Manifest:
    return Manifest(blob("config"), tuple(map(blob, layers)), 2, subject=subject)


def test_children_come_before_their_index_referrers_of_referrers_too_and_blobs_once():
    shelf = Shelf()
    one, two = shelf.put(image("a", "b")), shelf.put(image("b", "c"))
    top = shelf.put(Index((one, two), 2))
    table = shelf.put(image("t", subject=top))
    signature = shelf.put(image("s", subject=table))
    signed = shelf.put(image("s2", subject=one))
    found = whole.gather(top, shelf)
    order = [document.descriptor for document in found.documents]
    assert order[:3] == [one, two, top]
    assert set(order) == {one, two, top, table, signature, signed}
    assert found.blobs == tuple(map(blob, ["config", "a", "b", "c", "s2", "t", "s"]))
    assert found.size == sum(one.size for one in found.blobs)


def test_a_referrer_that_is_listed_and_gone_is_none():
    shelf = Shelf()
    top = shelf.put(image("a"))
    del shelf.held[shelf.put(image("t", subject=top)).digest]
    assert [one.descriptor for one in whole.gather(top, shelf).documents] == [top]


def test_those_who_refer_to_one_another_come_to_an_end():
    shelf = Shelf()
    top = shelf.put(image("a"))
    other = shelf.put(image("b", subject=top))
    shelf.about[other.digest] = [top, other]
    assert len(whole.gather(top, shelf).documents) == 2


def nested(shelf: Shelf, depth: int) -> Descriptor:
    top = shelf.put(image("a"))
    for _ in range(depth):
        top = shelf.put(Index((top,), 2))
    return top


def test_indexes_within_indexes_are_walked_so_far_and_no_further():
    shelf = Shelf()
    assert len(whole.gather(nested(shelf, whole.DEPTH - 1), shelf).documents) == whole.DEPTH
    with pytest.raises(ValueError, match="indexes within one another"):
        whole.gather(nested(shelf, whole.DEPTH), shelf)


def test_more_documents_than_an_image_has_are_refused():
    shelf = Shelf()
    top = shelf.put(Index(tuple(shelf.put(image(str(number))) for number in range(whole.MOST + 1)), 2))
    with pytest.raises(ValueError, match=f"more than {whole.MOST} manifests"):
        whole.gather(top, shelf)


@pytest.mark.parametrize(
    ("kind", "said"),
    [pytest.param(IMAGE_INDEX, "which .* names, is not there", id="below"), pytest.param("", "is not there", id="top")],
)
def test_what_is_not_there_is_named(kind: str, said: str):
    shelf = Shelf()
    lost = Descriptor(IMAGE_MANIFEST, digest.of(b"lost"), 4)
    with pytest.raises(ValueError, match=said):
        whole.gather(shelf.put(Index((lost,), 2)) if kind else lost, shelf)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(Descriptor("application/x", "../../etc/passwd", 1), id="a digest that climbs"),
        pytest.param(Descriptor("application/x", "sha512:" + "a" * 128, 1), id="another hash"),
        pytest.param(Descriptor("application/x", digest.of(b""), -1), id="less than nothing"),
    ],
)
def test_a_blob_that_cannot_be_is_named(wrong: Descriptor):
    shelf = Shelf()
    with pytest.raises(ValueError, match="which cannot be"):
        whole.gather(shelf.put(Manifest(blob("config"), (wrong,), 2)), shelf)


def test_a_document_of_another_kind_is_named():
    shelf = Shelf()
    shelf.held[digest.of(b"{}")] = b'{"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}'
    with pytest.raises(ValueError, match="is no manifest of OCI's"):
        whole.gather(Descriptor(IMAGE_MANIFEST, digest.of(b"{}"), 2), shelf)
