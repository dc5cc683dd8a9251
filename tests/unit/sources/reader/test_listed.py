"""What a reader answers is believed in nothing: its user may have put something else in its place."""

import msgspec
import pytest

from shale.contracts.artifact import File
from shale.contracts.errors import Transient
from shale.oci.small import LARGE
from shale.oci.tarball import Entry
from shale.sources.reader import listed, wire
from shale.sources.reader.listed import Listed, parsed
from shale.sources.reader.wire import Trouble
from shale.sources.source import Scan, Unscannable

URI = "reader://host:7077/claim/1"
GOOD = Scan(
    (File("a/model.bin", LARGE, 0o644, "1:2:3"),),
    (
        Entry("a", "directory", mode=0o755),
        Entry("a/config.json", "file", 2, version="1:2:3"),
        Entry("a/link", "symlink", mode=0o777, link="../b/x"),
        Entry("b", "directory", mode=0o755),
    ),
)


def sent(scan):
    return msgspec.json.encode(Listed(scan=scan))


def test_a_listing_comes_as_it_was_sent():
    assert parsed(URI, sent(GOOD)) == GOOD
    assert parsed(URI, sent(Scan((), ()))) == Scan((), ())


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(Scan((), (Entry("../x"),)), id="a path that climbs"),
        pytest.param(Scan((), (Entry("/etc/passwd"),)), id="a path from the top"),
        pytest.param(Scan((), (Entry("a//b"),)), id="a path with a hole"),
        pytest.param(Scan((), (Entry(""),)), id="no path"),
        pytest.param(Scan((), (Entry("a\0b"),)), id="a NUL"),
        pytest.param(Scan((), (Entry("a/.wh.b"),)), id="a name that deletes"),
        pytest.param(Scan((File(".wh.b", LARGE),), ()), id="a large one that deletes"),
        pytest.param(Scan((), (Entry("x", "symlink", link="/etc"),)), id="a link from the top"),
        pytest.param(Scan((), (Entry("a/x", "symlink", link="../../etc"),)), id="a link that leaves"),
        pytest.param(Scan((), (Entry("x", "symlink", link="a/../../etc"),)), id="a link that leaves on its way"),
        pytest.param(Scan((), (Entry("x", "symlink"),)), id="a link to nothing"),
        pytest.param(Scan((), (Entry("x", link="y"),)), id="a file with a target"),
        pytest.param(Scan((), (Entry("x", size=LARGE),)), id="a small one that is large"),
        pytest.param(Scan((), (Entry("x", size=-1),)), id="less than nothing"),
        pytest.param(Scan((File("x", LARGE - 1),), ()), id="a large one that is small"),
        pytest.param(Scan((), (Entry("b"), Entry("a"))), id="out of order"),
        pytest.param(Scan((), (Entry("a"), Entry("a"))), id="twice"),
    ],
)
def test_what_no_listing_of_ours_holds_is_refused(scan):
    refused = parsed(URI, sent(scan))
    assert isinstance(refused, Unscannable)
    assert refused.reason == "NotAListing"
    assert refused.message.startswith(f"{URI} gave no listing of a folder (")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"scan":{"files":[]}}', b'{"scan":{"files":[],"entries":[{"path":1}]}}', b"\xff"]
)
def test_what_is_no_listing_at_all_is_refused(body):
    assert isinstance(parsed(URI, body), Unscannable)


def test_more_than_a_listing_may_hold_is_refused(monkeypatch):
    monkeypatch.setattr(listed, "MAX_ENTRIES", 3)
    refused = parsed(URI, sent(GOOD))
    assert isinstance(refused, Unscannable)
    assert "it names 1 large files and 4 others" in refused.message


def test_what_a_reader_cannot_list_is_told_in_its_words():
    trouble = Trouble("it is not there", "SourceNotFound")
    assert parsed(URI, msgspec.json.encode(Listed(trouble=trouble))) == Unscannable("SourceNotFound", "it is not there")
    with pytest.raises(Transient, match="stale"):
        parsed(URI, msgspec.json.encode(Listed(trouble=Trouble("stale handle"))))


def test_a_readers_words_are_cut():
    refused = parsed(URI, msgspec.json.encode(Listed(trouble=Trouble("x" * 10_000, "Y" * 100))))
    assert isinstance(refused, Unscannable)
    assert (len(refused.reason), len(refused.message)) == (64, wire.MAX_WORDS)
