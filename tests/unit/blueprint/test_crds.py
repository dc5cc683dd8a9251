"""CRDs as one would have written them by hand."""

import pytest

from shale.blueprint.crds import crd
from shale.contracts.resources import KINDS
from shale.contracts.schema import structural


def test_the_crd_of_a_model_version():
    printed = crd(KINDS["modelversion"])
    assert printed["apiVersion"] == "apiextensions.k8s.io/v1"
    assert printed["metadata"] == {"name": "modelversions.shale.dev"}
    assert printed["spec"]["names"] == {
        "kind": "ModelVersion",
        "listKind": "ModelVersionList",
        "plural": "modelversions",
        "singular": "modelversion",
        "shortNames": ["mv"],
    }


@pytest.mark.parametrize("word", KINDS)
def test_every_kind_has_one_version_with_a_status_of_its_own(word):
    spec = crd(KINDS[word])["spec"]
    assert spec["scope"] == "Namespaced"
    (version,) = spec["versions"]
    assert version["name"] == "v1alpha1"
    assert version["served"]
    assert version["storage"]
    assert version["subresources"] == {"status": {}}
    assert version["schema"] == {"openAPIV3Schema": structural(KINDS[word].resource)}


@pytest.mark.parametrize("word", KINDS)
def test_columns_begin_with_a_dot_and_are_of_a_known_type(word):
    for column in crd(KINDS[word])["spec"]["versions"][0]["additionalPrinterColumns"]:
        assert column["jsonPath"].startswith(".")
        assert column["type"] in {"string", "integer", "date"}


def test_only_wide_columns_have_a_priority():
    columns = crd(KINDS["modelversion"])["spec"]["versions"][0]["additionalPrinterColumns"]
    assert {column["name"] for column in columns if column.get("priority")} == {"Digest", "Created-By", "Finish-Time"}
