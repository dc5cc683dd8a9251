"""Every rule of every kind, and ten samples at least that break it and nothing else: both judges refuse each by it."""

from collections.abc import Iterator
from itertools import count
from secrets import token_hex
from typing import Any

import msgspec
import pytest

from shale.testkit.agreement import MESSAGES, Judge, verdicts
from shale.testkit.kube import Cluster
from shale.testkit.samples import Manifest, version

NS = f"rules-{token_hex(4)}"
NUMBERS = count()
ENOUGH = 10

Before, After = Manifest, Manifest


@pytest.fixture(scope="module")
def judge(cluster: Cluster) -> Iterator[Judge]:
    cluster.make_namespace(NS)
    yield Judge(cluster.kubeconfig)
    cluster.end_namespace(NS)


def local(path: str = "/models", node: str = "node-1") -> Manifest:
    return {"storage": {"localStorage": {"path": path, "nodeName": node}}}


def nfs(path: str = "/models", server: str = "files.example") -> Manifest:
    return {"storage": {"nfs": {"server": server, "path": path}}}


def pvc(folder: str = "", name: str = "claim") -> Manifest:
    return {"storage": {"pvc": {"claimName": name, "subPath": folder}}}


CLIMBING = ("/..", "/../", "/a/..", "/a/../b", "/../a", "/a/b/..", "//..", "/../..", "/.../..", "/a/../../b")
CONTROLS = ("a\n", "\n", "a\tb", "\r", "a\x00b", "\x01", "a\x1b[0m", "\x7f", "a/\x0b", "\x0c/b")
RELATIVE = ("models", "./models", "a/b", " /a", "~", "~/a", "C:/a", "a", "-", "\\a", "models/")
ONE: dict[str, Any] = {
    "localStorage": {"path": "/models", "nodeName": "node-1"},
    "nfs": {"server": "files.example", "path": "/models"},
    "awsEfs": {"volumeHandle": "fs-1"},
    "pvc": {"claimName": "claim"},
    "source": {"name": "hub"},
}
TWO = [{one: ONE[one], other: ONE[other]} for one in ONE for other in ONE if one < other]

REFUSED: dict[str, list[Manifest]] = {
    "storage must name exactly one of": [{"storage": storage} for storage in ({}, *TWO)],
    "localStorage.path must be absolute": [local(path) for path in RELATIVE],
    "localStorage.path must not climb": [local(path) for path in CLIMBING],
    "localStorage.path must hold no control characters": [local(f"/{path}") for path in CONTROLS],
    "nfs.path must be absolute": [nfs(path) for path in RELATIVE],
    "nfs.path must not climb": [nfs(path) for path in CLIMBING],
    "nfs.path must hold no control characters": [nfs(f"/{path}") for path in CONTROLS],
    "nfs.server must be a name or an address": [
        nfs(server=server)
        for server in (" ", "a b", "nas/exports", "/", "nas:/a", "nas.example ", " nas", *(f"nas{c}" for c in CONTROLS))
    ],
    "pvc.claimName must be the name of a claim": [
        pvc(name=name)
        for name in ("A", "-a", "a-", "a b", ".a", "a.", "ä", "a_b", "a/b", "*", "a..b", "a.-b", "a-.b", "a\n")
    ],
    "pvc.subPath must be relative": [
        pvc(folder) for folder in ("/", "/a", "//", "/a/b", "/ a", "/...", "/.", "/ä", "/a/", "//a")
    ],
    "pvc.subPath must not climb": [pvc(path.lstrip("/")) for path in CLIMBING],
    "pvc.subPath must hold no control characters": [pvc(path) for path in CONTROLS],
    "localStorage.nodeName must be the name of a node": [
        local(node=node) for node in ("A", "-a", "a-", "a b", ".a", "a.", "ä", "a_b", "a/b", "*", "Node-1")
    ],
    "modelName must be a DNS label": [
        {"modelName": name} for name in ("A", "-a", "a-", "a.b", "a_b", "a b", "ä", "-", "a/b", "resnet:v1", "*")
    ],
    "imageRepo must be a repository": [
        {"imageRepo": repo}
        for repo in ("a:v1", "a@sha256:00", "A", "a/B", "/a", "a/", "a//b", "a_", "-a", "a..b", "a b", "ä", "a___b")
    ],
    "imageTag must be an OCI tag": [
        {"imageTag": tag} for tag in (".a", "-a", "a b", "a:b", "a/b", "ä", "a@b", "a\n", "*", "@", "a+b", "é1")
    ],
    "imageTag must not end in -modelpack": [
        {"imageTag": f"{stem}-modelpack"} for stem in ("v1", "a", "_", "0", "v1.0", "A", "v1-2", "x_y", "latest", "a.b")
    ],
}
"""By the beginning of a rule's message: what breaks it at creation."""

TEXTS = ["", "a", "b", "*.bin", "c/**", "d"]
CHANGED: dict[str, list[tuple[Any, Any]]] = {
    "modelName": [(f"a{number}", f"b{number}") for number in range(10)],
    "imageRepo": [(f"a/{number}", f"a/{number + 1}") for number in range(10)],
    "storage": [({one: ONE[one]}, {other: ONE[other]}) for one in ONE for other in ONE if one != other],
    "imageTag": [(f"v{number}", other) for number in range(5) for other in ("w", None)],
    "createdBy": [(one, other) for one in TEXTS for other in TEXTS if one != other],
    "include": [(one, other) for one in TEXTS for other in TEXTS if one != other],
    "exclude": [(one, other) for one in TEXTS for other in (*TEXTS, None) if one != other],
    "layout": [("files", "tensors"), ("tensors", "files")] + [("files", None), (None, "files"), (None, "tensors")] * 3,
    "pushSecretRef": [({"name": f"a{number}"}, other) for number in range(5) for other in ({"name": "b"}, None)],
    "registry": [
        ({"insecure": before}, other)
        for before in (True, False)
        for other in (
            {"insecure": not before},
            None,
            *({"insecure": before, "caSecretRef": {"name": n}} for n in "abc"),
        )
    ],
}
"""By the field that is immutable: what it is before, and after; None leaves it out."""

ATTEMPTS = (
    [(number + 1, number) for number in range(5)] + [(number, None) for number in range(1, 4)] + [(9, 1), (99, 9)]
)

NAMES = ("a.b", "a.b.c", "a.0", "0.a", "x.y.z", "v1.0", "a-b.c", "a.b-c", f"{'x' * 64}", f"{'y' * 100}")


def field(name: str, value: Any) -> Manifest:
    return {} if value is None else {name: value}


def refused() -> Iterator[tuple[str, Manifest | None, Manifest, str]]:
    """Every sample: which rule it breaks, what was before it, what it is, and its name if it is that which is wrong."""
    for message, specs in REFUSED.items():
        yield from ((message, None, spec, "") for spec in specs)
    for name, pairs in CHANGED.items():
        message = f"{name} is immutable"
        yield from ((message, field(name, before), field(name, after), "") for before, after in pairs)
    for before, after in ATTEMPTS:
        yield "attempt may only rise", {"attempt": before}, field("attempt", after), ""
    yield from (("metadata.name must be a DNS label", None, {}, name) for name in NAMES)


SAMPLES = list(refused())


def test_every_rule_has_enough_samples():
    for rule in MESSAGES:
        samples = [sample for sample in SAMPLES if rule.startswith(sample[0])]
        assert len(samples) >= ENOUGH, rule
    assert all(any(rule.startswith(sample[0]) for rule in MESSAGES) for sample in SAMPLES)


@pytest.mark.parametrize("rule", sorted(MESSAGES), ids=lambda rule: rule.split(":")[0])
async def test_both_refuse_what_breaks_the_rule_and_name_it(judge, rule):
    for message, before, spec, name in SAMPLES:
        if not rule.startswith(message):
            continue
        named = name or f"mv-{next(NUMBERS)}"
        manifests = [version(NS, named, spec=spec)]
        if before is not None:
            manifests.insert(0, version(NS, named, spec=before))
        good, broken = await verdicts(judge, *manifests)
        shown = msgspec.json.encode(spec)[:200]
        assert not good, shown
        assert broken in ({rule}, set()), shown  # none: the shape was refused before, or the name by its own law
        assert broken or name, shown
