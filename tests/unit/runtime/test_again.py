"""What another chance for a dead letter would be, by what was told since."""

import pytest

from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.facts import (
    Gone,
    Held,
    LayerPacked,
    LayerRefused,
    Progressed,
    Refused,
    Released,
    StorageReady,
)
from shale.contracts.jobs import PackLayer
from shale.runtime.again import AskAgain, Moot, Otherwise, SayAgain, Wake, chance
from shale.runtime.told import Said, Told
from shale.testkit.toys import ABOUT, declared

PART = "0-abc~1"
JOB = PackLayer(ABOUT, PART, "file:///w", "repo", Layer(PART, "w", 1))
ASKED = frozenset({("pack-layer", PART)})
WHOLE = ABOUT.whole()
WISH, NEWER = declared(), declared(ABOUT.at(2))
READY = StorageReady(ABOUT, "file:///w")
PACKED = LayerPacked(ABOUT, PART, PackedLayer("w", "weight", "sha256:a", 1))
LOST = LayerRefused(ABOUT, PART, "WorkerLost", "it died of it")
REFUSED = Refused(ABOUT, "builder", "Bug", "nobody foresaw this")
GONE = Gone(ABOUT)
HELD, RELEASED = Held(WHOLE, "builder"), Released(WHOLE, "builder")


def told(*facts, about=ABOUT, asked=frozenset()) -> Told:
    return Told(about, tuple(Said(fact, number) for number, fact in enumerate(facts, 1)), asked)


@pytest.mark.parametrize(
    ("message", "facts", "expected"),
    [
        pytest.param(JOB, (WISH,), AskAgain(JOB), id="a job that somebody waits for is asked again"),
        pytest.param(READY, (WISH,), SayAgain(READY), id="a fact whose place is free is said again"),
        pytest.param(WISH, (), SayAgain(WISH), id="a wish is said again though nothing is known of it"),
        pytest.param(NEWER, (WISH,), SayAgain(NEWER), id="a newer wish is said again beside an older one"),
        pytest.param(HELD, (WISH, NEWER), SayAgain(HELD), id="what is held is so at any generation"),
        pytest.param(RELEASED, (WISH, HELD, GONE), SayAgain(RELEASED), id="what is released is so of the gone"),
        pytest.param(GONE, (WISH,), SayAgain(GONE), id="an end is said again"),
        pytest.param(READY, (WISH, READY), Wake(ABOUT), id="a fact that is there wakes who gave it up"),
        pytest.param(GONE, (WISH, GONE), Wake(ABOUT), id="so does an end that is there"),
        pytest.param(ABOUT, (WISH,), Wake(ABOUT), id="a tick wakes who gave it up"),
        pytest.param(Progressed(ABOUT, "x", "Working"), (WISH,), Wake(ABOUT), id="a reading is not said again"),
    ],
)
def test_what_is_done_again(message, facts, expected):
    assert chance(message, "builder", told(*facts, about=getattr(message, "about", ABOUT))) == expected


@pytest.mark.parametrize(
    ("message", "facts", "why"),
    [
        pytest.param(JOB, (WISH, GONE), "is gone", id="a job of the gone"),
        pytest.param(JOB, (WISH, NEWER), "superseded by generation 2", id="a job of an older wish"),
        pytest.param(JOB, (), "nothing is known", id="a job of what was purged"),
        pytest.param(JOB, (WISH, PACKED), "is done already", id="a job that was done meanwhile"),
        pytest.param(PACKED, (WISH, GONE), "is gone", id="a fact of the gone"),
        pytest.param(READY, (WISH, NEWER), "superseded", id="a fact of an older wish"),
        pytest.param(READY, (), "nothing is known", id="a fact of what was purged"),
        pytest.param(HELD, (WISH, GONE), "is gone", id="what would be held of the gone"),
        pytest.param(LOST, (WISH, PACKED), "is done already", id="a refusal of what was done meanwhile"),
    ],
)
def test_what_nobody_waits_for_is_moot(message, facts, why):
    meant = chance(message, "builder", told(*facts, about=message.about))
    assert isinstance(meant, Moot)
    assert why in meant.why


def test_a_job_that_is_asked_is_not_asked_twice():
    meant = chance(JOB, "builder", told(WISH, asked=ASKED))
    assert isinstance(meant, Moot)
    assert "asked already" in meant.why


@pytest.mark.parametrize(
    ("message", "facts", "why"),
    [
        pytest.param(JOB, (WISH, LOST), "WorkerLost: it died of it", id="a job whose part was refused"),
        pytest.param(JOB, (WISH, REFUSED), "Bug: nobody foresaw this", id="a job of a generation that was refused"),
        pytest.param(READY, (WISH, READY, REFUSED), "Bug: nobody", id="a wake-up of who refused it"),
        pytest.param(PACKED, (WISH, LOST), "WorkerLost", id="the other end of a part that was refused"),
        pytest.param(
            READY, (WISH, StorageReady(ABOUT, "file:///other")), "the first one counts", id="a fact told otherwise"
        ),
    ],
)
def test_what_ended_otherwise_says_so_and_is_left_alone(message, facts, why):
    meant = chance(message, "builder", told(*facts))
    assert isinstance(meant, Otherwise)
    assert why in meant.why
    assert "\n" not in meant.why


def test_a_refusal_by_another_service_keeps_nobody_from_looking_again():
    assert chance(READY, "scribe", told(WISH, READY, REFUSED)) == Wake(ABOUT)


def test_the_cure_of_what_was_refused_is_named():
    meant = chance(JOB, "builder", told(WISH, LOST))
    assert isinstance(meant, Otherwise)
    assert f"shale retry {ABOUT.kind}/{ABOUT.name} -n {ABOUT.namespace}" in meant.why
