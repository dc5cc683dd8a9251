"""The CRDs as kubectl and an API server read them: accepted, explained, compared, waited for, strict."""

import json
from secrets import token_hex

import pytest
import yaml

from shale.contracts.resources import GROUP, KINDS
from shale.testkit.apiserver import ApiServer
from shale.testkit.kube import CRDS
from shale.testkit.kubectl import Kubectl
from shale.testkit.samples import model, version


@pytest.fixture(scope="module")
def kubectl(cluster, tmp_path_factory, debian_tool):
    return Kubectl(debian_tool("kubectl"), cluster.kubeconfig, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="module")
def ns(cluster):
    name = f"crds-{token_hex(4)}"
    cluster.make_namespace(name)
    yield name
    cluster.end_namespace(name)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_server_accepts_the_whole_schema(cluster, kind):
    """Within its budget for the cost of rules, structural, and with all names."""
    code, crd = cluster.server.call(
        "GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.plural}.{GROUP}"
    )
    assert code == 200
    conditions = {one["type"]: one["status"] for one in crd["status"]["conditions"]}
    assert conditions.get("NonStructuralSchema", "False") == "False"
    assert conditions["Established"] == conditions["NamesAccepted"] == "True"
    (printed,) = [tree for tree in map(tree_of, CRDS.glob("*.yaml")) if tree["spec"]["names"]["kind"] == kind.kind]
    assert crd["spec"]["versions"][0]["schema"] == printed["spec"]["versions"][0]["schema"]


def tree_of(path):
    return yaml.safe_load(path.read_text())


def test_a_rule_that_costs_too_much_is_what_the_server_would_refuse(cluster):
    """The budget is real: without the bound on its length the same kind of rule is refused."""
    tree = tree_of(CRDS / "modelversions.yaml")
    tree["metadata"]["name"] = f"costlies.{GROUP}"
    tree["spec"]["names"] = {"kind": "Costly", "listKind": "CostlyList", "plural": "costlies", "singular": "costly"}
    spec = tree["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    rules = [{"rule": "self.all(one, self.all(other, one.matches(other)))", "message": "costly"}]
    texts = {"type": "array", "items": {"type": "string"}, "x-kubernetes-validations": rules}
    spec["properties"]["costly"] = texts
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/costlies.{GROUP}?fieldManager=test&dryRun=All"
    code, answer = cluster.server.call("PATCH", path, tree)
    assert code == 422
    assert "budget" in answer["message"]


def test_explain_tells_what_the_structs_say(bed, debian_tool, tmp_path):
    """Of a CRD server on its own: the aggregator of the testbed tells a new schema a minute late."""
    kubectl = Kubectl(debian_tool("kubectl"), bed.kubeconfig, tmp_path)
    assert "exactly one of" in kubectl.do("explain", "modelversions.spec.storage")
    said = kubectl.do("explain", "mv.spec")
    for field in ("modelName", "imageRepo", "storage", "attempt"):
        assert field in said
    assert "A folder on one node" in kubectl.do("explain", "mv.spec.storage.localStorage")
    assert "What the user says of a model" in kubectl.do("explain", "models.spec")


def test_short_names_and_columns(kubectl, ns):
    kubectl.apply(model(ns), version(ns))
    assert kubectl.do("get", "mo", "-n", ns).splitlines()[0].split() == [
        *("NAME", "LATEST-VERSION", "LATEST-IMAGE", "VERSIONS", "READY", "AGE")
    ]
    wide = kubectl.do("get", "mv", "-n", ns, "-o", "wide").splitlines()[0].split()
    assert wide == [
        *("NAME", "MODEL", "PHASE", "PROGRESS", "NEW", "REUSED", "IMAGE", "READY", "AGE"),
        *("DIGEST", "CREATED-BY", "FINISH-TIME"),
    ]


def test_diff_shows_the_one_line_that_would_change_and_nothing_for_the_same(kubectl, ns):
    kubectl.apply(version(ns, "diffed"))
    same = kubectl.run("diff", "-f", "-", stdin=json.dumps(version(ns, "diffed")))
    if "failed to list CRDs" in same.stderr:
        pytest.skip("this kubectl is older than 1.22 and compares nothing with a current server")
    assert (same.returncode, same.stdout) == (0, ""), same.stderr
    other = kubectl.run("diff", "-f", "-", stdin=json.dumps(version(ns, "diffed", spec={"attempt": 1})))
    assert other.returncode == 1
    lines = other.stdout.splitlines()
    assert [line.strip("+ ") for line in lines if line.startswith("+ ") and "generation" not in line] == ["attempt: 1"]


def test_wait_ends_with_the_condition(kubectl, cluster, ns):
    kubectl.apply(version(ns, "waited"))
    early = kubectl.run("wait", "--for=condition=Ready", "mv/waited", "-n", ns, "--timeout=1s")
    assert early.returncode == 1
    status = {"conditions": [{"type": "Ready", "status": "True", "reason": "ImageBuilt"}], "observedGeneration": 1}
    path = f"/apis/shale.dev/v1alpha1/namespaces/{ns}/modelversions/waited/status"
    code, answer = ApiServer(cluster.kubeconfig).call(
        "PATCH", f"{path}?fieldManager=test", {**version(ns, "waited"), "status": status} | {"spec": None}
    )
    assert code == 200, answer
    assert "condition met" in kubectl.do("wait", "--for=condition=Ready", "mv/waited", "-n", ns, "--timeout=60s")


@pytest.mark.parametrize("side", ["--server-side=false", "--server-side=true"])
def test_an_unknown_field_is_refused_by_name(kubectl, ns, side):
    """A kubectl before 1.25 warns where a later one refuses."""
    said = kubectl.run("apply", side, "-f", "-", stdin=json.dumps(version(ns, "odd", spec={"imagTag": "v1"})))
    assert "imagTag" in said.stderr
    assert said.returncode == 1 or "Warning" in said.stderr


def test_what_is_immutable_is_refused_with_the_cure(kubectl, ns):
    kubectl.apply(version(ns, "frozen"))
    changed = version(ns, "frozen", spec={"imageRepo": "registry.example/other"})
    said = kubectl.run("apply", "-f", "-", stdin=json.dumps(changed))
    assert said.returncode == 1
    assert "imageRepo is immutable: make a new object instead" in said.stderr


def test_a_status_is_not_its_users(kubectl, ns):
    kubectl.apply({**version(ns, "bold"), "status": {"phase": "Ready"}})
    assert "status" not in kubectl.get("mv", "bold", "-n", ns)
