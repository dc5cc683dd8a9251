"""The embedded store and a real API server say yes and no to the same manifests, for the same reasons."""

from collections.abc import Iterator
from itertools import count
from secrets import token_hex
from typing import Any

import msgspec
import pytest

from shale.contracts.resources import GROUP, KINDS, VERSION, ModelVersion
from shale.kube.embedded import EmbeddedResources
from shale.kube.resources import Conflict, Invalid
from shale.testkit.agreement import Judge, verdicts
from shale.testkit.bucket import MemoryBucket
from shale.testkit.kube import Cluster
from shale.testkit.samples import Manifest, model, version

NS = f"agreement-{token_hex(4)}"
NUMBERS = count()


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[Judge]:
    """A server that has the rules: those before 1.25 drop them without a word."""
    cluster.make_namespace(NS)
    yield Judge(cluster.kubeconfig)
    cluster.end_namespace(NS)


def fresh() -> str:
    return f"mv-{next(NUMBERS)}"


def spec(**fields: Any) -> Manifest:
    return version(NS, fresh(), spec=fields)


def local(path: str) -> Manifest:
    return {"localStorage": {"path": path, "nodeName": "node-1"}}


STORAGES: dict[str, Any] = {
    "localStorage": {"path": "/models", "nodeName": "node-1"},
    "nfs": {"server": "files.example", "path": "/models"},
    "awsEfs": {"volumeHandle": "fs-1", "attributes": {"a": "b"}},
    "pvc": {"claimName": "claim"},
    "source": {"name": "hub", "config": {"revision": "main"}},
}
PAIRS = [{one: STORAGES[one], other: STORAGES[other]} for one in STORAGES for other in STORAGES if one < other]

REPOS_YES = ["a", "a/b", "a/b/c", "localhost:5000/a", "registry.example/models/resnet", "Registry.Example:443/a"]
REPOS_YES_TOO = [
    "a_b",
    "a__b",
    "a-b",
    "a---b",
    "a.b/c.d",
    "10.0.0.1:5000/team/a-b_c.d/e",
    "x/" + "y" * 250,
    "h:65535/a",
]
REPOS_NO = [
    "a:v1",
    "a@sha256:00",
    "registry.example/a:v1",
    "A",
    "a/B",
    "/a",
    "a/",
    "a//b",
    "a_",
    "-a",
    "a..b",
    "a b",
    "ä",
]
REPOS_NO_EITHER = ["a\n", "", "x" * 256, "https://registry.example/a", "host:999999/a", "a___b", ":", "?"]
REPOS_NO_PORT = ["h:99999/a", "h:65536/a", "h:70000/a", "h:0/a", "h:080/a", "h:/a"]
TAGS_YES = ["", "v1", "V1", "_x", "0", "a.b-c_d", "x" * 116, "latest", "modelpack", "v1-modelpack2"]
TAGS_NO = [
    ".a",
    "-a",
    "a b",
    "a:b",
    "a/b",
    "ä",
    "x" * 117,
    "v1-modelpack",
    "v1-linux-amd64",
    "v1-linux-arm64",
    "-modelpack",
    "a\n",
    "a@b",
]
PATHS_YES = ["/", "/models", "/models/..x", "/x../y", "/a.b", "/a/...", "/" + "x" * 1023, "/a b", "/ä", "//"]
PATHS_NO = ["", "models", "./models", "../models", "/models/..", "/..", "/a/../b", "..", "/../", "x" * 1025, " /a"]
NAMES_YES = ["a", "0", "a-b", "a0", "resnet-50", "x" * 63, "0a", "a--b", "model1", "z9"]
NAMES_NO = ["A", "-a", "a-", "a.b", "a_b", "x" * 64, "a b", "ä", "-", "a/b"]


@pytest.mark.parametrize("value", REPOS_YES + REPOS_YES_TOO)
async def test_both_take_the_repository(server, value):
    assert await verdicts(server, spec(imageRepo=value)) == (True, set())


@pytest.mark.parametrize("value", REPOS_NO + REPOS_NO_EITHER + REPOS_NO_PORT)
async def test_both_refuse_the_repository(server, value):
    assert (await verdicts(server, spec(imageRepo=value)))[0] is False


@pytest.mark.parametrize("value", TAGS_YES)
async def test_both_take_the_tag(server, value):
    assert await verdicts(server, spec(imageTag=value)) == (True, set())


@pytest.mark.parametrize("value", TAGS_NO)
async def test_both_refuse_the_tag(server, value):
    assert (await verdicts(server, spec(imageTag=value)))[0] is False


@pytest.mark.parametrize("value", PATHS_YES)
async def test_both_take_the_path(server, value):
    assert await verdicts(server, spec(storage=local(value))) == (True, set())


@pytest.mark.parametrize("value", PATHS_NO)
async def test_both_refuse_the_path(server, value):
    assert (await verdicts(server, spec(storage=local(value))))[0] is False


@pytest.mark.parametrize("value", NAMES_YES)
async def test_both_take_the_name(server, value):
    assert await verdicts(server, version(NS, f"{fresh()}x"[-63:], spec={"modelName": value})) == (True, set())
    assert await verdicts(server, model(NS, value)) == (True, set())


@pytest.mark.parametrize("value", NAMES_NO)
async def test_both_refuse_the_model_name(server, value):
    assert (await verdicts(server, spec(modelName=value)))[0] is False


@pytest.mark.parametrize("value", ["a.b", "x" * 64, "a.b.c"])
async def test_both_refuse_a_name_that_is_more_than_a_label(server, value):
    theirs = server.verdict(KINDS["model"], model(NS, value))
    said = await EmbeddedResources(MemoryBucket()).apply(model(NS, value), "user")
    assert isinstance(said, Invalid)
    assert "metadata.name" in theirs
    assert "metadata.name" in said.message


@pytest.mark.parametrize("one", STORAGES)
async def test_both_take_one_storage(server, one):
    assert await verdicts(server, spec(storage={one: STORAGES[one]})) == (True, set())


SERVERS_YES = ["nas", "nas.example", "10.0.0.1", "fd00::1", "[fd00::1]", "NAS.Example", "nas_1", "x" * 253]
CLAIMS_YES = ["c", "0", "a-b", "a.b", "a--b.c", "model-store-0", "x" * 253]
FOLDERS_YES = ["", "a", "a/b/", "...", "..a/b..", "a b", "ä", "./a", "x" * 1024]


@pytest.mark.parametrize(
    "storage",
    [
        *({"nfs": {"server": server, "path": "/a"}} for server in SERVERS_YES),
        *({"nfs": {"server": "nas", "path": path}} for path in PATHS_YES),
        *({"pvc": {"claimName": name}} for name in CLAIMS_YES),
        *({"pvc": {"claimName": "c", "subPath": folder}} for folder in FOLDERS_YES),
    ],
    ids=lambda storage: msgspec.json.encode(storage).decode()[:60],
)
async def test_both_take_what_lies_elsewhere(server, storage):
    assert await verdicts(server, spec(storage=storage)) == (True, set())


@pytest.mark.parametrize("storage", [{}, STORAGES, *PAIRS], ids=lambda storage: "+".join(storage) or "none")
async def test_both_refuse_none_or_several_storages(server, storage):
    verdict, broken = await verdicts(server, spec(storage=storage))
    assert verdict is False
    assert len(broken) == 1


MUTABLE: list[tuple[Manifest, Manifest]] = [
    ({}, {"attempt": 1}),
    ({"attempt": 1}, {"attempt": 2}),
    ({"attempt": 1}, {"attempt": 1}),
    ({"attempt": 0}, {}),
    ({}, {"dryRun": True}),
    ({"dryRun": True}, {}),
    ({}, {"deletionPolicy": "Delete"}),
    ({"deletionPolicy": "Delete"}, {"deletionPolicy": "Retain"}),
    ({"deletionPolicy": "Delete"}, {}),
    ({"createdBy": "me", "include": "*.bin"}, {"createdBy": "me", "include": "*.bin"}),
]
FROZEN: list[tuple[str, Any, Any]] = [
    ("imageRepo", "a/b", "a/c"),
    ("modelName", "a", "b"),
    ("storage", local("/a"), local("/b")),
    ("storage", {"pvc": {"claimName": "a"}}, {"pvc": {"claimName": "a", "subPath": "b"}}),
    ("storage", local("/a"), {"pvc": {"claimName": "a"}}),
    ("imageTag", "v1", "v2"),
    ("createdBy", "me", "you"),
    ("include", "*.bin", "*"),
    ("exclude", "*.bin", ""),
    ("layout", "files", "tensors"),
    ("pushSecretRef", {"name": "a"}, {"name": "b"}),
    ("registry", {"insecure": True}, {"insecure": False}),
    ("registry", {"insecure": True}, {"insecure": True, "caSecretRef": {"name": "a"}}),
]


@pytest.mark.parametrize(("before", "after"), MUTABLE)
async def test_both_take_the_change(server, before, after):
    name = fresh()
    assert await verdicts(server, version(NS, name, before), version(NS, name, after)) == (True, set())


@pytest.mark.parametrize(("field", "one", "other"), FROZEN, ids=lambda value: value if isinstance(value, str) else "")
async def test_both_refuse_to_change_to_add_or_to_drop_what_is_immutable(server, field, one, other):
    said = {f"{field} is immutable: make a new object instead"}
    name = fresh()
    assert await verdicts(server, version(NS, name, {field: one}), version(NS, name, {field: other})) == (False, said)
    if field in version(NS)["spec"]:
        return
    added, dropped = fresh(), fresh()
    assert await verdicts(server, version(NS, added), version(NS, added, {field: one})) == (False, said)
    assert await verdicts(server, version(NS, dropped, {field: one}), version(NS, dropped)) == (False, said)


@pytest.mark.parametrize(
    ("before", "after"), [({"attempt": 2}, {"attempt": 1}), ({"attempt": 1}, {}), ({"attempt": 1}, {"attempt": 0})]
)
async def test_both_refuse_to_lower_attempt(server, before, after):
    name = fresh()
    said = {"attempt may only rise: each try is on record"}
    assert await verdicts(server, version(NS, name, before), version(NS, name, after)) == (False, said)


SHAPES = [
    {"imagTag": "v1"},
    {"layout": "zip"},
    {"attempt": "1"},
    {"attempt": 1.5},
    {"attempt": True},
    {"attempt": None},
    {"attempt": -1},
    {"attempt": 1_000_001},
    {"dryRun": "yes"},
    {"storage": {"localStorage": {"path": "/a"}}},
    {"storage": {"localStorage": None}},
    {"storage": {"nfs": {"server": "", "path": "/a"}}},
    {"storage": {"pvc": {"claimName": "a", "clameName": "b"}}},
    {"storage": {"source": {"name": "a", "config": {str(number): "x" for number in range(33)}}}},
    {"storage": {"source": {"name": "a", "config": {"a": 1}}}},
    {"registry": {"insecure": 1}},
    {"pushSecretRef": {}},
    {"pushSecretRef": "name"},
    {"createdBy": "x" * 1025},
    {"modelName": None},
]


@pytest.mark.parametrize("fields", SHAPES, ids=lambda fields: msgspec.json.encode(fields).decode()[:60])
async def test_both_refuse_the_shape(server, fields):
    assert (await verdicts(server, spec(**fields)))[0] is False


@pytest.mark.parametrize("value", [1.0, 0.0, -0.0, 1e3])
async def test_both_take_a_whole_number_with_a_point_and_keep_it_without(server, value):
    name, kind = fresh(), KINDS["modelversion"]
    embedded = EmbeddedResources(MemoryBucket())
    for attempt in (value, value + 1):
        manifest = version(NS, name, {"attempt": attempt})
        assert server.verdict(kind, manifest) == ""
        assert not isinstance(await embedded.apply(manifest, "user"), Invalid | Conflict)
    _, theirs = server.call("GET", f"/apis/{GROUP}/{VERSION}/namespaces/{NS}/{kind.plural}/{name}")
    ours = await embedded.get(kind, NS, name)
    assert isinstance(ours, ModelVersion)
    assert (repr(theirs["spec"]["attempt"]), ours.metadata.generation) == (repr(ours.spec.attempt), 2)


@pytest.mark.parametrize("value", [1e7, -1.0, 1e300, 1.5])
async def test_both_refuse_the_number_with_a_point(server, value):
    assert (await verdicts(server, spec(attempt=value)))[0] is False


METADATA = [
    ({"labels": {"a": "not a value"}}, False),
    ({"labels": {"not a key": "a"}}, False),
    ({"labels": {"a": 1}}, False),
    ({"labels": {"shale.dev/use": "true", "empty": ""}}, True),
    ({"labels": {"a/b/c": "x"}}, False),
    ({"labels": {"UPPER.example/a": "x"}}, False),
    ({"annotations": {"a": "anything goes here: ä"}}, True),
    ({"annotations": {"": "x"}}, False),
    ({"annotations": {"a": "x" * 262_145}}, False),
    ({"labls": {"a": "b"}}, False),
    ({"ownerReferences": [{"apiVersion": "v1", "kind": "Pod"}]}, False),
]


@pytest.mark.parametrize(("metadata", "good"), METADATA, ids=lambda value: str(value)[:60])
async def test_both_judge_metadata_alike(server, metadata, good):
    assert (await verdicts(server, version(NS, fresh(), **metadata)))[0] is good
