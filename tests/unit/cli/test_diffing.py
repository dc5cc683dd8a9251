"""Two images held against each other: what is said to be shared is, what is said to have changed did."""

import json

import pytest

from shale.cli.main import main
from shale.oci.layout import Layout
from shale.testkit.images import publish
from shale.testkit.tensors import checkpoint, random_tensors

REPO = "models/x"
SMALL = {"config.json": b"{}", "same.txt": b"same", "old.txt": b"old"}
BASE = random_tensors("abcdefghij", 20_000)


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("SHALE_LAYOUT_DIR", str(tmp_path))
    return Layout(tmp_path)


def diff(capsys, *words, tags=("v1", "v2")):
    assert main(["diff", *(f"{REPO}:{tag}" for tag in tags), *words]) == 0
    return capsys.readouterr().out


def told(capsys):
    return json.loads(diff(capsys, "-o", "json"))


def counts(sums):
    return {state: one["count"] for state, one in sums.items() if one["count"]}


def test_of_changed_weights_the_changed_tensors_are_named(registry, capsys):
    publish(registry, REPO, "v1", SMALL, weights={"model.safetensors": checkpoint(BASE)}, more={"w.bin": b"w" * 9000})
    after = {name: data for name, data in BASE.items() if name != "a"}
    after |= random_tensors("b", 20_000, seed=1) | random_tensors("z", 30_000)
    small = {"config.json": b"[]", "same.txt": b"same", "new.txt": b"new!"}
    publish(registry, REPO, "v2", small, weights={"model.safetensors": checkpoint(after)}, more={"w.bin": b"w" * 9000})
    found = told(capsys)
    assert counts(found["layers"]) == {"shared": 1, "added": 2, "removed": 2}
    assert counts(found["files"]) == {"shared": 2, "changed": 2, "added": 1, "removed": 1}
    assert counts(found["tensors"]) == {"shared": 8, "changed": 1, "added": 1, "removed": 1}
    assert found["tensors"]["shared"]["bytes"] == 160_000
    tensors = {(one["state"], one["name"], one["before"], one["after"]) for one in found["changes"] if one["where"]}
    assert tensors == {("changed", "b", 20_000, 20_000), ("added", "z", 0, 30_000), ("removed", "a", 20_000, 0)}
    text = diff(capsys)
    assert "tensors  8 shared (156Ki), 1 changed (19.5Ki), 1 added (29.3Ki), 1 removed (19.5Ki)" in text
    assert "  changed     19.5Ki  tensor  b  in model.safetensors\n" in text


def test_an_image_and_itself_share_everything(registry, capsys):
    publish(registry, REPO, "v1", SMALL, weights={"model.safetensors": checkpoint(BASE)})
    text = diff(capsys, tags=("v1", "v1"))
    assert text.count("\n") == 5
    assert "changed" not in text


def test_another_cut_into_files_changes_files_and_no_tensor(registry, capsys):
    names = sorted(BASE)
    publish(registry, REPO, "v1", {}, weights={"model.safetensors": checkpoint(BASE)})
    halves = {f"model-{at}.safetensors": checkpoint({one: BASE[one] for one in names[at::2]}) for at in (0, 1)}
    publish(registry, REPO, "v2", {}, weights=halves)
    found = told(capsys)
    assert counts(found["tensors"]) == {"shared": len(names)}
    assert counts(found["files"]) == {"added": 2, "removed": 1}


def test_the_largest_come_first_and_all_when_asked(registry, capsys):
    publish(registry, REPO, "v1", {f"f{number}": b"a" * number for number in range(1, 30)})
    publish(registry, REPO, "v2", {f"f{number}": b"b" * number for number in range(1, 30)})
    short = diff(capsys).splitlines()
    assert [line.split()[-1] for line in short[5:]] == [f"f{number}" for number in range(29, 19, -1)]
    assert "10 of 29 changes" in short[4]
    assert len(diff(capsys, "--all").splitlines()) == 4 + 1 + 29


def test_what_is_too_large_to_be_read_is_not_guessed(registry, capsys, monkeypatch):
    monkeypatch.setattr("shale.cli.diffing.contents.READ", 100)
    publish(registry, REPO, "v1", {}, weights={"a.bin": b"x" * 5000, "b.bin": b"x" * 5000}, lone={"c": b"x" * 99})
    publish(registry, REPO, "v2", {}, weights={"a.bin": b"y" * 5000, "b.bin": b"x" * 5001}, lone={"c": b"y" * 99})
    assert counts(told(capsys)["files"]) == {"changed": 2, "unknown": 1}


def test_safetensors_without_a_table_are_said_to_be_unknown(registry, capsys):
    publish(registry, REPO, "v1", {}, weights={"model.safetensors": b"no header at all"})
    publish(registry, REPO, "v2", {}, weights={"model.safetensors": checkpoint(BASE)})
    found = told(capsys)
    assert counts(found["tensors"]) == {"added": len(BASE)}
    assert [name.split()[1] for name in found["untabled"]] == ["models/model.safetensors"]
