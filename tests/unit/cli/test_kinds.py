"""The words by which people name objects."""

import pytest

from shale.cli.exits import CliError, Exit
from shale.cli.kinds import find, target, targets


@pytest.mark.parametrize("word", ["mv", "modelversion", "modelversions", "ModelVersion", "MV"])
def test_a_kind_has_many_words(word):
    assert find(word).kind == "ModelVersion"


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [
        (["mv"], "ModelVersion", ""),
        (["mv", "mv-3"], "ModelVersion", "mv-3"),
        (["mv/mv-3"], "ModelVersion", "mv-3"),
        (["models/resnet"], "Model", "resnet"),
    ],
    ids=" ".join,
)
def test_an_object_is_named_with_or_without_a_stroke(words, kind, name):
    found = target(words)
    assert (found.kind.kind, found.name) == (kind, name)


@pytest.mark.parametrize(
    ("words", "named", "said"),
    [
        (["modlversion"], False, "did you mean modelversion"),
        (["xyz"], False, "there are models, modelversions"),
        (["mv", "a", "b"], False, "name one object"),
        (["mv/"], False, "name one object"),
        (["mv"], True, "which modelversion"),
    ],
    ids=["a slip", "a stranger", "two names", "an empty name", "no name where one is needed"],
)
def test_what_names_nothing_is_the_callers_mistake(words, named, said):
    with pytest.raises(CliError, match=said) as caught:
        target(words, named=named)
    assert caught.value.code is Exit.USAGE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mv"], ["modelversion"]),
        (["mv", "a"], ["modelversion a"]),
        (["mv", "a", "b"], ["modelversion a", "modelversion b"]),
        (["mv/a", "mo/b"], ["modelversion a", "model b"]),
        (["mv/a", "modelversions/a"], ["modelversion a"]),
    ],
    ids=" ".join,
)
def test_several_objects_are_named_at_once(words, said):
    assert [str(one) for one in targets(words)] == said


@pytest.mark.parametrize(
    "words", [["mv/a", "b"], ["mv", "mo/b"], ["mv", "a", "b/c"], ["mv/a", "mo/"], ["xy", "a", "b"]], ids=" ".join
)
def test_several_objects_of_which_one_is_none_are_the_callers_mistake(words):
    with pytest.raises(CliError) as caught:
        targets(words)
    assert caught.value.code is Exit.USAGE
