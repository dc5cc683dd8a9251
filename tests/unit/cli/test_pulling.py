"""A pull fetches what is not at hand, and puts nothing in place that is not proven."""

import os
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shale.cli.commands.pull import How, pull
from shale.cli.exits import CliError
from shale.cli.pulling import shelf
from shale.cli.registries import Store
from shale.contracts.errors import Transient
from shale.oci import digest, manifest
from shale.oci.descriptor import EMPTY, IMAGE_MANIFEST, TABLE_OF, TENSOR_TABLE, TENSORS, Descriptor
from shale.oci.layout import Layout
from shale.oci.manifest import Manifest
from shale.oci.refusal import Refused
from shale.oci.registry import NoRangesError, push
from shale.testkit.fulldisk import no_more_than
from shale.testkit.images import publish
from shale.testkit.tensors import checkpoint, random_tensors
from shale.weights import table

REPO = "models/x"
NAMES = [f"layer.{number}" for number in range(40)]
TENSOR = 100_000
BASE = random_tensors(NAMES, TENSOR)
NEW = BASE | random_tensors(NAMES[5::10], TENSOR, seed=1)
WEIGHTS = "model.safetensors"


class Counted(Layout):
    """A registry that counts the bytes of its blobs as they leave, and may refuse, lie or break off."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.sent = Counter[str]()
        self.ranges, self.lies, self.left = True, False, 10**12

    def pull(self, repo, digest, offset=0, end=None):
        if end is not None and not self.ranges:
            return self.refuse()
        blocks = super().pull(repo, digest, offset, end)
        return None if blocks is None else self.counted(digest, blocks, part=end is not None)

    def refuse(self):
        raise NoRangesError("it answers another range than it was asked for")
        yield b""

    def counted(self, digest, blocks, *, part):
        for block in blocks:
            self.sent[digest] += len(block)
            self.left -= len(block)
            if self.left < 0:
                raise Transient("the registry does not answer")
            yield bytes(len(block)) if part and self.lies else block


@pytest.fixture
def registry(tmp_path):
    return Counted(tmp_path / "registry")


def packed(registry, tensors, tag="v1", **files):
    """Push an image of one checkpoint; return its layer's size."""
    data = checkpoint(tensors)
    image = publish(registry, REPO, tag, {"config.json": b"{}"}, weights={WEIGHTS: data}, **files)
    return image, len(data)


def folder(path, tensors, name=WEIGHTS):
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(checkpoint(tensors))
    return path


def pulled(registry, out, *have, tag="v1", force=False):
    registry.sent.clear()
    return pull(Store(registry, "here"), f"{REPO}:{tag}", out, How(force, have))


def holds(out, tensors):
    return (out / WEIGHTS).read_bytes() == checkpoint(tensors)


def beside(path):
    return [one.name for one in path.iterdir() if one.name.endswith(".shale-pull")]


def test_a_tenth_of_the_tensors_changed_fetches_little_more_than_a_tenth(registry, tmp_path):
    _, size = packed(registry, NEW)
    found = pulled(registry, tmp_path / "out", folder(tmp_path / "have", BASE, "old/other.safetensors"))
    assert holds(tmp_path / "out", NEW)
    assert sum(registry.sent.values()) == found.fetched <= 0.11 * size
    assert found.fetched + found.reused >= size


def test_what_is_nowhere_is_fetched_once(registry, tmp_path):
    _, size = packed(registry, NEW)
    found = pulled(registry, tmp_path / "out")
    assert holds(tmp_path / "out", NEW)
    assert (found.reused, found.fetched) == (0, sum(registry.sent.values()))
    assert size <= max(registry.sent.values()) <= size + 4096


def test_tensors_are_found_in_several_folders_under_other_names_and_in_links(registry, tmp_path):
    packed(registry, BASE)
    half = {f"other {name}": data for name, data in list(BASE.items())[:20]}
    one = folder(tmp_path / "one", half, "a.safetensors")
    rest = folder(tmp_path / "blobs", dict(list(BASE.items())[20:]), "x")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "b.safetensors").symlink_to(rest / "x")
    found = pulled(registry, tmp_path / "out", one, tmp_path / "two")
    assert holds(tmp_path / "out", BASE)
    assert found.fetched < TENSOR


def test_a_file_that_was_cut_short_lends_the_tensors_that_it_holds(registry, tmp_path):
    _, size = packed(registry, BASE)
    have = folder(tmp_path / "have", BASE)
    os.truncate(have / WEIGHTS, size // 2)
    found = pulled(registry, tmp_path / "out", have)
    assert holds(tmp_path / "out", BASE)
    assert found.fetched < 0.55 * size


def test_a_file_of_another_kind_is_taken_when_it_is_the_very_same(registry, tmp_path):
    data = os.urandom(500_000)
    publish(registry, REPO, "v1", {}, weights={"sub/model.gguf": data})
    (tmp_path / "have" / "sub").mkdir(parents=True)
    (tmp_path / "have" / "sub" / "model.gguf").write_bytes(data)
    assert pulled(registry, tmp_path / "out", tmp_path / "have").fetched < 10_000
    (tmp_path / "have" / "sub" / "model.gguf").write_bytes(data[:-1] + b"x")
    again = pulled(registry, tmp_path / "again", tmp_path / "have")
    assert again.fetched > len(data)
    for out in ("out", "again"):
        assert (tmp_path / out / "sub" / "model.gguf").read_bytes() == data


def test_a_folder_that_is_written_over_is_at_hand_itself(registry, tmp_path):
    packed(registry, NEW)
    out = folder(tmp_path / "out", BASE)
    (out / "mine").write_text("mine")
    assert pulled(registry, out, force=True).reused > 0.8 * TENSOR * len(NAMES)
    assert holds(out, NEW)
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "mine", WEIGHTS]


@pytest.mark.parametrize("trouble", ["a folder in the place of a file", "a link in the place of a folder"])
def test_nothing_is_written_over_what_must_not_be(registry, tmp_path, trouble):
    publish(registry, REPO, "v1", {"a.json": b"new"}, weights={"sub/w.bin": b"new"})
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.json").write_text("old")
    (tmp_path / "elsewhere").mkdir()
    if trouble.startswith("a folder"):
        (out / "sub" / "w.bin").mkdir(parents=True)
    else:
        (out / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CliError, match="models/x:v1: it does not fit into"):
        pulled(registry, out, force=True)
    assert ((out / "a.json").read_text(), list((tmp_path / "elsewhere").iterdir())) == ("old", [])
    assert beside(out) == []


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.95])
@pytest.mark.parametrize("tabled", [True, False])
def test_a_pull_that_was_cut_goes_on(registry, tmp_path, cut, tabled):
    name = WEIGHTS if tabled else "model.gguf"
    data = checkpoint(random_tensors(NAMES, 500_000))
    publish(registry, REPO, "v1", {}, weights={name: data})
    size = len(data)
    registry.left = int(size * cut)
    with pytest.raises(Transient):
        pulled(registry, tmp_path / "out")
    assert beside(tmp_path) == [".out.shale-pull"]
    assert not (tmp_path / "out").exists()
    registry.left = 10**12
    found = pulled(registry, tmp_path / "out")
    assert (tmp_path / "out" / name).read_bytes() == data
    assert beside(tmp_path) == []
    assert found.fetched <= size * (1 - cut) + 4 * 2**20


def test_what_a_cut_pull_left_is_never_trusted(registry, tmp_path):
    packed(registry, BASE)
    before = tmp_path / ".out.shale-pull" / "files"
    folder(before, BASE | {NAMES[0]: bytes(TENSOR)})
    (before / "planted").write_text("no part of the image")
    pulled(registry, tmp_path / "out")
    assert holds(tmp_path / "out", BASE)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", WEIGHTS]


def planted(registry, image, change):
    """Add an artifact whose table is changed, and take the true one away."""
    (old,) = [one for one in image.manifests if one.descriptor == image.tables]
    true = table.decode(b"".join(registry.pull(REPO, layers_of(old)[0].digest)))
    data = change(true)
    push(registry, REPO, data)
    named = Descriptor(TENSOR_TABLE, digest.of(data), len(data), {TABLE_OF: true.layer})
    empty = Descriptor(EMPTY, digest.of(b"{}"), 2)
    lying = Manifest(empty, (named,), 2, artifact_type=TENSORS, subject=image.index)
    registry.put_manifest(REPO, manifest.canonical(lying), IMAGE_MANIFEST, "planted")


def swapped(true):
    one, two, *rest = true.tensors
    change = msgspec.structs.replace
    liars = (change(one, digest=two.digest), change(two, digest=one.digest), *rest)
    return table.encode(change(true, tensors=liars))


def outside(true):
    last = msgspec.structs.replace(true.tensors[-1], length=10**12)
    return table.encode(msgspec.structs.replace(true, tensors=(*true.tensors[:-1], last)))


LIES = {
    "digests of other tensors": swapped,
    "an offset outside": outside,
    "another layer": lambda true: table.encode(msgspec.structs.replace(true, layer=digest.of(b"x"))),
    "a well without a bottom": lambda _: b'{"x":' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    "no table": lambda _: b"nonsense" * 100,
    "no tensors": lambda true: table.encode(msgspec.structs.replace(true, tensors=())),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lying_table_is_found_out_and_the_layer_fetched_whole(registry, tmp_path, lie, capsys):
    image, size = packed(registry, BASE)
    planted(registry, image, lie)
    (true,) = [one for one in image.manifests if one.descriptor == image.tables]
    registry.delete(REPO, true.descriptor.digest)
    pulled(registry, tmp_path / "out", folder(tmp_path / "have", BASE, "other.safetensors"))
    assert holds(tmp_path / "out", BASE)
    assert max(registry.sent.values()) >= size
    told = capsys.readouterr().err.splitlines()
    assert len(told) == (lie is not LIES["no tensors"])


def test_tables_that_lie_cost_each_layer_once_more(registry, tmp_path):
    """Not all that came before again, each time that one of them is found out."""
    shards = {
        f"w{at}": {f"model-{at}.safetensors": checkpoint(random_tensors(NAMES, 5000, seed=at))} for at in range(6)
    }
    image = publish(registry, REPO, "v1", {}, **shards)
    (old,) = [one for one in image.manifests if one.descriptor == image.tables]
    named = []
    for one in layers_of(old):
        data = swapped(table.decode(b"".join(registry.pull(REPO, one.digest))))
        push(registry, REPO, data)
        named.append(Descriptor(TENSOR_TABLE, digest.of(data), len(data), one.annotations))
    lying = Manifest(
        Descriptor(EMPTY, digest.of(b"{}"), 2), tuple(named), 2, artifact_type=TENSORS, subject=image.index
    )
    registry.put_manifest(REPO, manifest.canonical(lying), IMAGE_MANIFEST, "planted")
    registry.delete(REPO, old.descriptor.digest)
    pulled(registry, tmp_path / "have")
    registry.sent.clear()
    pulled(registry, tmp_path / "out", tmp_path / "have")
    weights = [digest for digest, size in registry.sent.items() if size > 100_000]
    assert len(weights) == len(shards)
    assert max(registry.sent.values()) < 1.1 * 5000 * len(NAMES)


def test_a_damaged_blob_is_named_although_much_is_at_hand(registry, tmp_path):
    image, _ = packed(registry, NEW)
    del image
    (blob,) = [path for path in (tmp_path / "registry").rglob("*") if path.is_file() and path.stat().st_size > 10**6]
    data = bytearray(blob.read_bytes())
    data[data.index(NEW[NAMES[5]]) + 7] ^= 1
    blob.write_bytes(data)
    with pytest.raises(CliError, match=r"layer models/model.safetensors .* is damaged"):
        pulled(registry, tmp_path / "out", folder(tmp_path / "have", BASE))
    assert (beside(tmp_path), (tmp_path / "out").exists()) == ([], False)


@pytest.mark.parametrize("how", ["grows", "shrinks", "changes", "goes"])
def test_a_file_that_changes_while_it_is_read_is_found_out(registry, tmp_path, how, monkeypatch):
    packed(registry, NEW)
    have = folder(tmp_path / "have", BASE)
    hashed = shelf.Shelf.tensors

    def then(self, wanted, count):
        found = hashed(self, wanted, count)
        path = have / WEIGHTS
        match how:
            case "grows":
                path.write_bytes(b"x" * 64 + path.read_bytes())
            case "shrinks":
                os.truncate(path, TENSOR * 3)
            case "changes":
                path.write_bytes(path.read_bytes()[:-9] + b"different")
            case _:
                path.unlink()
        return found

    monkeypatch.setattr(shelf.Shelf, "tensors", then)
    pulled(registry, tmp_path / "out", have)
    assert holds(tmp_path / "out", NEW)


def test_a_registry_without_ranges_is_asked_for_whole_layers(registry, tmp_path, capsys):
    _, size = packed(registry, NEW, more={"more.safetensors": checkpoint(random_tensors(NAMES, 1000))})
    registry.ranges = False
    pulled(registry, tmp_path / "out", folder(tmp_path / "have", BASE))
    assert holds(tmp_path / "out", NEW)
    assert max(registry.sent.values()) <= size + 4096
    assert capsys.readouterr().err.count("\n") == 1


def test_a_registry_that_answers_other_bytes_is_found_out(registry, tmp_path):
    packed(registry, NEW)
    registry.lies = True
    pulled(registry, tmp_path / "out", folder(tmp_path / "have", BASE))
    assert holds(tmp_path / "out", NEW)


@pytest.mark.parametrize(
    "header",
    [b'{"a":{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}}", b"{}", b"[", b""],
    ids=["deep", "empty", "cut", "none"],
)
def test_a_header_that_is_none_is_passed_over(registry, tmp_path, header):
    image, size = packed(registry, NEW)
    (tmp_path / "have").mkdir()
    (tmp_path / "have" / "odd.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(99))
    assert pulled(registry, tmp_path / "out", tmp_path / "have").fetched >= size
    assert image


def test_what_is_no_file_is_not_waited_for(registry, tmp_path):
    packed(registry, NEW)
    have = folder(tmp_path / "have", BASE)
    os.mkfifo(have / "a.safetensors")
    (have / "b.safetensors").mkdir()
    (have / "c.safetensors").symlink_to(have / "nowhere")
    (have / "d.safetensors").write_bytes(b"\xff" * 99)
    assert pulled(registry, tmp_path / "out", have).reused > 0
    assert holds(tmp_path / "out", NEW)


SIZES = st.sampled_from([0, 1, 900, 33_000, 70_000])
MODELS = st.dictionaries(st.sampled_from("abcdef"), st.tuples(SIZES, st.integers(0, 2)), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["a.safetensors", "s/b.safetensors", "c.bin"]), MODELS, min_size=1), MODELS)
def test_any_two_checkpoints_give_equal_files_and_no_byte_beyond_the_whole(tmp_path_factory, models, had):
    tmp_path = tmp_path_factory.mktemp("pair")
    registry = Counted(tmp_path / "registry")
    files = {path: checkpoint(filled(model)) for path, model in models.items()}
    image = publish(registry, REPO, "v1", {}, weights=files)
    have = folder(tmp_path / "have", filled(had))
    found = pulled(registry, tmp_path / "out", have)
    for path, data in files.items():
        assert (tmp_path / "out" / path).read_bytes() == data
    layers = layers_of(image.manifests[0])
    whole = sum(layer.size for layer in layers)
    assert sum(registry.sent[layer.digest] for layer in layers) <= whole
    assert sum(registry.sent.values()) == found.fetched <= whole * 9 / 8
    assert found.reused == whole - sum(registry.sent[layer.digest] for layer in layers)


def filled(model):
    return {name: random_tensors([name], size, seed)[name] for name, (size, seed) in model.items()}


def layers_of(document):
    found = manifest.parse(document.data)
    assert isinstance(found, Manifest)
    return found.layers


def test_a_disk_that_is_full_keeps_what_came(registry, tmp_path):
    """Who frees some space goes on; the kernel plays the disk (a file of 1 MB, and no larger)."""
    packed(registry, NEW)
    with no_more_than(10**6), pytest.raises(Refused, match="cannot unpack into"):
        pulled(registry, tmp_path / "out")
    assert beside(tmp_path) == [".out.shale-pull"]
    pulled(registry, tmp_path / "out")
    assert holds(tmp_path / "out", NEW)
    assert beside(tmp_path) == []
