"""The Role and RoleBinding, as one would write them by hand."""

import pytest

from shale.secrets.grant import grant


def test_a_grant_is_a_role_with_the_names_and_its_binding():
    role, binding = grant("team-a", ["push", "hub"], ["shale-system/image-builder"])
    meta = {"name": "shale-secrets-fcdb68c8", "namespace": "team-a", "labels": {"app.kubernetes.io/part-of": "shale"}}
    assert role == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": meta,
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["hub", "push"], "verbs": ["get"]}],
    }
    assert binding == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "shale-secrets-fcdb68c8"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "shale-system", "name": "image-builder"}],
    }


def test_the_same_names_are_the_same_grant_and_others_another_one():
    def name(*secrets):
        return grant("team-a", secrets, ["shale-system/a"])[0]["metadata"]["name"]

    assert name("a", "b") == name("b", "a", "a")
    assert len({name("a"), name("b"), name("a", "b"), grant("team-a", ["a"])[0]["metadata"]["name"]}) == 4


def test_a_grant_is_to_the_services_that_hold_credentials_unless_said_otherwise():
    assert [subject["name"] for subject in grant("team-a", ["a"])[1]["subjects"]] == ["image-builder", "builder-sync"]


@pytest.mark.parametrize(
    ("namespace", "secrets", "accounts", "named"),
    [
        pytest.param("Team", ["a"], ["n/a"], "'Team'", id="a namespace that is none"),
        pytest.param("team", ["*"], ["n/a"], "'*'", id="all Secrets"),
        pytest.param("team", ["a", "b/c"], ["n/a"], "'b/c'", id="a Secret that is none"),
        pytest.param("team", [], ["n/a"], "'team'", id="no Secret: a rule without names is for all of them"),
        pytest.param("team", ["a"], ["image-builder"], "'image-builder'", id="an account without its namespace"),
    ],
)
def test_what_is_no_name_is_refused(namespace, secrets, accounts, named):
    with pytest.raises(ValueError, match="is no ") as refused:
        grant(namespace, secrets, accounts)
    assert named in str(refused.value)
