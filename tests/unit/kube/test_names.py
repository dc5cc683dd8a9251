"""Names as Kubernetes spells them."""

import pytest

from shale.contracts.resources.meta import Metadata
from shale.kube import names
from shale.testkit.samples import built, owned


@pytest.mark.parametrize("name", ["a", "0", "a-b", "x" * 63, "mv-3", "a--b"])
def test_a_label(name):
    assert names.is_label(name)


@pytest.mark.parametrize("name", ["", "-", "-a", "a-", "A", "a.b", "a_b", "x" * 64, "a\n", "a*", ">", "ä"])
def test_no_label(name):
    assert not names.is_label(name)


def test_good_metadata_has_no_complaint():
    labels = {"shale.dev/use": "true", "empty": "", "A_b.c-d": "E_f.g-h"}
    assert names.complaints(Metadata(name="a", namespace="b", labels=labels, annotations={"x/y": "ä"})) == []


def test_every_bad_thing_is_said():
    bad = Metadata(name="A", namespace="", labels={"-": "-"}, annotations={"/": ""})
    assert len(names.complaints(bad)) == 5


def test_only_one_owner_is_the_controller():
    refs = (owned(built("a", "one"), controller=True), owned(built("a", "two"), controller=True))
    (said,) = names.complaints(Metadata(name="a", namespace="b", owner_references=refs))
    assert "more than one controller" in said
    assert names.complaints(Metadata(name="a", namespace="b", owner_references=refs[:1])) == []
