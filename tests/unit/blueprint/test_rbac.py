"""Who a service is in Kubernetes, and what it may do there."""

import yaml

from shale.blueprint.pages import as_yamls
from shale.blueprint.rbac import NAMESPACE, passwords, rbac
from shale.runtime.installed import services
from shale.runtime.service import Card, Touch

POD = Touch("", ("pods", "pods/log"), ("get", "list"))
JOB = Touch("batch", ("jobs",), ("create",))


def card(*touches: Touch) -> Card:
    return Card(name="painter", does="paints", kinds=(), touches=touches)


def test_who_touches_nothing_has_an_account_and_no_role():
    (account,) = rbac({"painter": (card(),)})
    assert account["kind"] == "ServiceAccount"
    assert account["metadata"]["name"] == "painter"
    assert account["metadata"]["namespace"] == NAMESPACE


def test_who_touches_something_is_bound_to_a_role_of_exactly_that():
    _, role, binding = rbac({"painter": (card(POD), card(JOB, POD))})
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]},
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "shale-painter"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "painter", "namespace": NAMESPACE}]


def test_no_card_asks_for_secrets_wildcards_or_rights_over_rights():
    rules = [rule for page in rbac(services()) for rule in page.get("rules", ())]
    assert rules
    for rule in rules:
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert "secrets" not in rule["resources"]
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]


def test_nats_is_handed_each_users_password_by_its_secret():
    patch = passwords({"SHALE_PASSWORD_A": "a"})
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    ref = {"name": "shale-nats-a", "key": "password"}
    assert container == {"name": "nats", "env": [{"name": "SHALE_PASSWORD_A", "valueFrom": {"secretKeyRef": ref}}]}


def test_all_of_it_is_one_file():
    pages = rbac(services())
    assert tuple(yaml.safe_load_all(as_yamls(pages))) == pages
