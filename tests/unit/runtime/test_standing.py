"""What the loop answers by itself, before any service is asked."""

import pytest

from shale.contracts.artifact import Layer, PackedLayer
from shale.contracts.facts import (
    Declared,
    Gone,
    Held,
    ImageBuilt,
    LayerPacked,
    LayerRefused,
    Refused,
    Released,
    StorageReady,
)
from shale.contracts.jobs import PackLayer
from shale.runtime.service import Card, Woken
from shale.runtime.standing import Standing, standing
from shale.runtime.told import Said, Told
from shale.testkit.toys import ABOUT, declared

BUILDER = Card(
    name="builder", does="", kinds=("modelversion",), hears=(Declared, Gone), takes=(PackLayer,), ends=(ImageBuilt,)
)
FOLDER = Card(name="folder", does="", kinds=("modelversion",), hears=(Declared, Gone), folds=True)
TIDIER = Card(name="tidier", does="", kinds=("modelversion",), hears=(Declared,), ends=(StorageReady,), tidies=True)
WOKEN = Woken(ABOUT)
LAYER = Layer("0-abc~1", "w", 1)
JOB = PackLayer(ABOUT, LAYER.part, "file:///w", "repo", LAYER)
WHOLE = ABOUT.whole()
WISH = declared()
NEWER = declared(ABOUT.at(2))
BUILT = ImageBuilt(ABOUT, "image", "sha256:i", "sha256:m", ())
PACKED = LayerPacked(ABOUT, LAYER.part, PackedLayer("w", "weight", "sha256:a", 1))
OTHER_PACKED = LayerPacked(ABOUT, "1-def~1", PackedLayer("v", "weight", "sha256:b", 1))
HELD = Held(WHOLE, "builder")
OTHERS_HOLD = Held(WHOLE, "other")
GONE = Gone(ABOUT)


def told(*facts, about=ABOUT) -> Told:
    return Told(about, tuple(Said(fact, number) for number, fact in enumerate(facts, 1)))


@pytest.mark.parametrize(
    ("card", "trigger", "facts", "expected"),
    [
        pytest.param(BUILDER, WOKEN, (WISH,), Standing.OPEN, id="a wish that is the newest is open"),
        pytest.param(BUILDER, WOKEN, (), Standing.SUPERSEDED, id="a wish that nobody knows any more is superseded"),
        pytest.param(BUILDER, WOKEN, (WISH, NEWER), Standing.SUPERSEDED, id="a wish is superseded by a newer one"),
        pytest.param(BUILDER, JOB, (WISH, NEWER), Standing.SUPERSEDED, id="a job of an older wish is superseded"),
        pytest.param(BUILDER, WOKEN, (WISH, BUILT), Standing.ALREADY_TOLD, id="the card's last word was told already"),
        pytest.param(
            TIDIER,
            WOKEN,
            (WISH, StorageReady(ABOUT, "file:///w"), Refused(ABOUT, "builder", "R", "m")),
            Standing.OPEN,
            id="who tidies looks on after its last word and after any refusal",
        ),
        pytest.param(TIDIER, WOKEN, (WISH, NEWER), Standing.SUPERSEDED, id="but not for an older wish"),
        pytest.param(
            BUILDER,
            WOKEN,
            (WISH, Refused(ABOUT, "builder", "R", "m")),
            Standing.ALREADY_TOLD,
            id="what the card refused it does not try again",
        ),
        pytest.param(
            BUILDER,
            WOKEN,
            (WISH, Refused(ABOUT, "other", "R", "m")),
            Standing.ALREADY_TOLD,
            id="for a generation that another service refused nobody works any more",
        ),
        pytest.param(
            BUILDER, JOB, (WISH, Refused(ABOUT, "other", "R", "m")), Standing.ALREADY_TOLD, id="nor does a worker"
        ),
        pytest.param(
            BUILDER,
            Woken(ABOUT.at(2)),
            (WISH, Refused(ABOUT, "other", "R", "m"), NEWER),
            Standing.OPEN,
            id="what was refused of an older wish ends nothing of the newer",
        ),
        pytest.param(
            BUILDER, Woken(ABOUT.at(2)), (WISH,), Standing.BEHIND, id="a wish that is not readable yet is waited for"
        ),
        pytest.param(
            BUILDER,
            Woken(ABOUT.at(2)),
            (WISH, BUILT, NEWER),
            Standing.OPEN,
            id="an image of an older generation ends nothing of the newer",
        ),
        pytest.param(BUILDER, WOKEN, (WISH, StorageReady(ABOUT, "u")), Standing.OPEN, id="others' words end nothing"),
        pytest.param(BUILDER, JOB, (WISH,), Standing.OPEN, id="a job without its milestone is open"),
        pytest.param(BUILDER, JOB, (WISH, PACKED), Standing.ALREADY_TOLD, id="a job that is done is told already"),
        pytest.param(
            BUILDER,
            JOB,
            (WISH, LayerRefused(ABOUT, LAYER.part, "R", "m")),
            Standing.ALREADY_TOLD,
            id="a job that is refused is told already",
        ),
        pytest.param(BUILDER, JOB, (WISH, OTHER_PACKED), Standing.OPEN, id="a job is not ended by another part"),
        pytest.param(BUILDER, JOB, (WISH, BUILT), Standing.OPEN, id="a job is not ended by the card's last word"),
        pytest.param(BUILDER, WOKEN, (WISH, GONE), Standing.OVER, id="what is gone and not held is over"),
        pytest.param(BUILDER, WOKEN, (GONE,), Standing.OVER, id="what is gone and purged is over"),
        pytest.param(BUILDER, JOB, (WISH, HELD, GONE), Standing.OVER, id="a job of what is gone is over, held or not"),
        pytest.param(BUILDER, WOKEN, (WISH, HELD, GONE), Standing.TO_RELEASE, id="what is gone and held is to release"),
        pytest.param(
            BUILDER, WOKEN, (WISH, BUILT, HELD, GONE), Standing.TO_RELEASE, id="what is built, gone and held is, too"
        ),
        pytest.param(
            BUILDER,
            WOKEN,
            (WISH, NEWER, HELD, GONE),
            Standing.TO_RELEASE,
            id="what is held is released whatever generation woke",
        ),
        pytest.param(
            BUILDER,
            WOKEN,
            (WISH, HELD, Released(WHOLE, "builder"), GONE),
            Standing.OVER,
            id="what is released already is over",
        ),
        pytest.param(BUILDER, WOKEN, (WISH, OTHERS_HOLD, GONE), Standing.OVER, id="what another holds is not ours"),
        pytest.param(FOLDER, WOKEN, (), Standing.OPEN, id="a card that folds looks at everything"),
        pytest.param(FOLDER, WOKEN, (WISH, NEWER, GONE), Standing.OPEN, id="a card that folds looks at what is gone"),
    ],
)
def test_standing(card, trigger, facts, expected):
    assert standing(card, trigger, told(*facts, about=trigger.about)) is expected
