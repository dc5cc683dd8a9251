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
DIR = Entry("p", "directory", mode=0o755)


def link(path, target):
    return Entry(path, "symlink", mode=0o777, link=target)


def sent(scan):
    return msgspec.json.encode(Listed(scan=scan))


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(GOOD, id="a model"),
        pytest.param(Scan((), ()), id="nothing"),
        pytest.param(Scan((), (DIR, link("p/l", "q/../x"), link("p/q", "."))), id="links through links that stay"),
        pytest.param(Scan((), (link("a", "b"), link("b", "a"), link("c", "c/x"))), id="links that go in circles"),
        pytest.param(Scan((), tuple(link(f"{n:03}", f"{n + 1:03}") for n in range(100))), id="links in a row"),
        pytest.param(Scan((), (link("a", "nowhere/../b"),)), id="a link to what is not there"),
    ],
)
def test_a_listing_comes_as_it_was_sent(scan):
    assert parsed(URI, sent(scan)) == scan


def test_links_that_were_made_to_exhaust_who_follows_them_are_refused():
    row = tuple(link(f"{n:06}", f"{n + 1:06}") for n in range(150_000))
    refused = parsed(URI, sent(Scan((), row)))
    assert isinstance(refused, Unscannable)
    assert "link '000000' leads out of it" in refused.message


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(Scan((), (Entry("../x"),)), id="a path that climbs"),
        pytest.param(Scan((), (Entry("/etc/passwd"),)), id="a path from the top"),
        pytest.param(Scan((), (Entry("a//b"),)), id="a path with a hole"),
        pytest.param(Scan((), (Entry(""),)), id="no path"),
        pytest.param(Scan((), (Entry("a\0b"),)), id="a NUL"),
        pytest.param(Scan((), (DIR, Entry("p/.wh.b"))), id="a name that deletes"),
        pytest.param(Scan((File(".wh.b", LARGE),), ()), id="a large one that deletes"),
        pytest.param(Scan((), (link("x", "/etc"),)), id="a link from the top"),
        pytest.param(Scan((), (DIR, link("p/x", "../../etc"))), id="a link that leaves"),
        pytest.param(Scan((), (link("x", "a/../../etc"),)), id="a link that leaves on its way"),
        pytest.param(
            Scan((), (DIR, link("p/l", "q/../.."), link("p/q", "."))), id="a link that leaves through another"
        ),
        pytest.param(
            Scan((), (DIR, link("p/l", "q/.."), link("p/q", ".."))), id="a link that leaves through one above"
        ),
        pytest.param(Scan((), (link("a", "b"), Entry("a/x", size=1))), id="a file below a link"),
        pytest.param(Scan((File("a/x", LARGE),), (link("a", "b"),)), id="a large one below a link"),
        pytest.param(Scan((), (Entry("a"), Entry("a/x"))), id="a file below a file"),
        pytest.param(Scan((), (Entry("a/x"),)), id="a file in a folder that is not listed"),
        pytest.param(Scan((File("p", LARGE),), (DIR,)), id="a folder that is a file, too"),
        pytest.param(Scan((), (Entry("x", mode=0o4755),)), id="a file that runs as its owner"),
        pytest.param(Scan((File("x", LARGE, 0o666),), ()), id="a large one that all may write"),
        pytest.param(Scan((), (Entry("x", version="1\r\nX: y"),)), id="a version that is more than one"),
        pytest.param(Scan((), (Entry("p", "directory", mode=0o777),)), id="a folder that all may write"),
        pytest.param(Scan((File("x", 1 << 63),), ()), id="more than any disk holds"),
        pytest.param(
            Scan((), tuple(Entry("/".join("a" * n), "directory", mode=0o755) for n in range(1, 67))), id="deep"
        ),
        pytest.param(Scan((), (link("x", None),)), id="a link to nothing"),
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
