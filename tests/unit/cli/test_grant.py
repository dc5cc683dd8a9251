"""`shale grant` prints what `kubectl apply` takes."""

import json

import pytest
import yaml

from shale.cli.main import main


def test_it_prints_a_role_and_its_binding_for_kubectl(capsys):
    assert main(["grant", "team-a", "push", "hub"]) == 0
    said = capsys.readouterr()
    role, binding = yaml.safe_load_all(said.out)
    assert (role["kind"], binding["kind"]) == ("Role", "RoleBinding")
    assert role["rules"][0]["resourceNames"] == ["hub", "push"]
    assert {subject["namespace"] for subject in binding["subjects"]} == {"shale-system"}


def test_it_says_beside_them_what_else_is_needed(capsys):
    main(["grant", "team-a", "push"])
    assert "kubectl label secret -n team-a push shale.dev/use=true" in capsys.readouterr().err


def test_it_prints_one_document_for_a_program(capsys):
    assert main(["grant", "team-a", "push", "-o", "json"]) == 0
    assert [item["kind"] for item in json.loads(capsys.readouterr().out)["items"]] == ["Role", "RoleBinding"]


def test_it_grants_to_whom_it_is_told(capsys):
    main(["grant", "team-a", "push", "--to", "ours/reader", "-o", "json"])
    subjects = json.loads(capsys.readouterr().out)["items"][1]["subjects"]
    assert subjects == [{"kind": "ServiceAccount", "namespace": "ours", "name": "reader"}]


@pytest.mark.parametrize("words", [["Team", "push"], ["team-a", "*"], ["team-a", "push", "--to", "reader"]])
def test_a_name_that_is_none_is_a_callers_mistake(words, capsys):
    assert main(["grant", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
