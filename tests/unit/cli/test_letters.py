"""Dead letters as people and programs read them."""

import msgspec
import pytest

from shale.cli.letters import tree, whom, word_of
from shale.contracts import subjects
from shale.contracts.envelope import wrap
from shale.contracts.facts import Gone, StorageReady
from shale.contracts.jobs import ScanArtifact
from shale.runtime.bus.deadletters import DeadLetter
from shale.testkit.toys import ABOUT

READY, SCAN = StorageReady(ABOUT, "file:///w"), ScanArtifact(ABOUT, "all~1", "file:///w")


def letter(subject, data=b"not json", stream="SHALE_JOBS"):
    return DeadLetter(7, "2026-01-01T00:00:00Z", "builder-sync", "Bug: boom", stream, 3, subject, data)


@pytest.mark.parametrize(
    ("subject", "word", "who"),
    [
        (subjects.of_job(SCAN), "job scan-artifact all~1", f"{ABOUT.namespace} uid {ABOUT.uid} #1"),
        (subjects.of_fact(READY), "fact storage-ready", f"modelversion {ABOUT.namespace}/{ABOUT.name} #1"),
        (subjects.of_fact(Gone(ABOUT)), "gone", f"uid {ABOUT.uid}"),
        (subjects.of_tick("scribe", ABOUT), "tick", subjects.of_tick("scribe", ABOUT)),
        ("shale.job.too.many.words.are.here.now", "job", "shale.job.too.many.words.are.here.now"),
        ("stranger", "stranger", "stranger"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_subject(subject, word, who):
    assert (word_of(letter(subject)), whom(letter(subject))) == (word, who)


def test_what_can_be_read_is_named_in_full():
    found = letter(subjects.of_job(SCAN), wrap(SCAN, "image-builder", 0))
    assert whom(found) == f"modelversion {ABOUT.namespace}/{ABOUT.name} #1"
    assert tree(found, payload=True)["payload"]["data"]["part"] == "all~1"
    assert "payload" not in tree(found)


def test_a_tick_is_about_whom_it_wakes_for():
    found = letter(subjects.of_tick("scribe", ABOUT), msgspec.json.encode(ABOUT), "SHALE_TICKS")
    assert whom(found) == f"modelversion {ABOUT.namespace}/{ABOUT.name} #1"


@pytest.mark.parametrize("data", [b"not json", b"\xff\xfe", b"[1]", b"[" * 100_000])
def test_a_payload_that_is_no_object_is_text(data):
    assert isinstance(tree(letter("x", data), payload=True)["payload"], str)
