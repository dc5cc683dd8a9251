"""What is heard of a layer on its way is what lies in it, however its bytes come by."""

import json
import logging

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from shale.builder_sync import tables
from shale.builder_sync.known import Blob
from shale.builder_sync.pack import pack_layer, scan_source
from shale.builder_sync.results import Listed
from shale.builder_sync.tables import Tee, spans
from shale.contracts.about import About
from shale.contracts.artifact import PackedLayer
from shale.contracts.jobs import PackLayer
from shale.oci import digest, plan, tarball
from shale.oci.layout import Layout
from shale.oci.limits import limits_of
from shale.oci.registry import Pushed, push
from shale.oci.tarball import Content, Entry
from shale.sources import roots
from shale.sources.schemes import open_source
from shale.sources.source import Unscannable
from shale.weights import safetensors, table
from shale.weights.safetensors import Tensor

REPO = "models/x"
ABOUT = About("modelversion", "team", "mv-1", "uid", 1)
SIZES = st.dictionaries(st.text("abc.", min_size=1, max_size=6), st.integers(0, 300), max_size=8)
CUTS = st.lists(st.integers(1, 900), max_size=20)


def checkpoint(sizes, metadata=None):
    """Return a safetensors file whose tensors have these sizes, each byte told by its place."""
    tensors = safetensors.arrange([Tensor(name, "U8", (size,), 0, size) for name, size in sizes.items()])
    data = bytes((at * 7 + len(sizes)) % 256 for at in range(sum(sizes.values())))
    return safetensors.write(tensors, metadata or {}) + data


def framed(files):
    """Return the layer's entries and bytes."""
    entries = [Entry(path, size=len(data)) for path, data in sorted(files.items())]
    pieces = tarball.frame(entries, root=True)
    return entries, b"".join(files[piece.path] if isinstance(piece, Content) else piece for piece in pieces)


def heard(entries, layer, cuts=(), tee=None):
    tee = tee or Tee(spans(entries, root=True))
    at = 0
    for cut in (*cuts, len(layer)):
        tee.hear(at, layer[at : at + cut])
        at = min(at + cut, len(layer))
    return tee.table(Pushed(digest.of(layer), len(layer)))


@given(st.dictionaries(st.sampled_from(["a.safetensors", "b/c.safetensors", "d.bin", "e"]), SIZES), CUTS)
def test_each_range_of_the_table_holds_the_bytes_of_its_tensor(files, cuts):
    entries, layer = framed({path: checkpoint(sizes) for path, sizes in files.items()})
    data = heard(entries, layer, cuts)
    wanted = {(path, name) for path, sizes in files.items() if path.endswith(".safetensors") for name in sizes}
    found = table.decode(data).tensors if data else ()
    assert {(one.file, one.name) for one in found} == wanted
    for one in found:
        held = layer[one.offset : one.offset + one.length]
        assert one.digest == f"blake3:{blake3(held).hexdigest()}"
        assert (one.length, one.shape) == (files[one.file][one.name],) * 2 or one.shape == (one.length,)
    if data:
        assert (table.decode(data).layer, table.decode(data).size) == (digest.of(layer), len(layer))


@given(SIZES.filter(bool), CUTS, st.lists(st.integers(0, 1200), max_size=8))
def test_what_is_read_again_from_an_offset_changes_nothing(sizes, cuts, again):
    entries, layer = framed({"a.safetensors": checkpoint(sizes)})
    tee = Tee(spans(entries, root=True))
    for at in sorted(again):
        tee.hear(min(at, tee.heard), layer[min(at, tee.heard) : at + 40])
        tee.hear(0, layer[: at // 2])
    assert heard(entries, layer, cuts, tee) == heard(entries, layer)


def test_bytes_before_which_others_are_still_to_come_are_not_heard():
    entries, layer = framed({"a.safetensors": checkpoint({"x": 9})})
    tee = Tee(spans(entries, root=True))
    tee.hear(600, layer[600:])
    assert tee.heard == 0
    with pytest.raises(ValueError, match="only 0 were heard"):
        tee.table(Pushed(digest.of(layer), len(layer)))


BROKEN = {
    "it is empty": b"",
    "it is shorter than its length": b"1234567",
    "its header claims more than there is": (999).to_bytes(8, "little") + b"{}",
    "its header is no JSON": (4).to_bytes(8, "little") + b"nope",
    "bytes follow its last tensor": checkpoint({"x": 3}) + b"more",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("step", [1, 10**6])
def test_a_file_without_a_header_has_no_place_in_the_table_and_is_logged(data, step, caplog):
    entries, layer = framed({"a.safetensors": data, "b.safetensors": checkpoint({"x": 3})})
    with caplog.at_level(logging.WARNING, "shale.builder-sync"):
        found = heard(entries, layer, [step] * (len(layer) // step))
    assert found is not None
    assert {one.file for one in table.decode(found).tensors} == {"b.safetensors"}
    assert [record.__dict__["file"] for record in caplog.records] == ["a.safetensors"] * (len(data) > 0)


def test_a_header_beyond_the_bound_is_not_held(monkeypatch, caplog):
    monkeypatch.setattr(tables, "LONGEST", 100)
    entries, layer = framed({"a.safetensors": checkpoint({"x": 3}, {"much": "x" * 100})})
    assert heard(entries, layer) is None
    assert "of at most 100" in caplog.records[0].__dict__["error"]


def test_a_layer_without_safetensors_has_no_table():
    entries, layer = framed({"a.bin": json.dumps({}).encode()})
    assert heard(entries, layer) is None


def test_all_blocks_pass_and_the_reading_is_closed_with_them():
    entries, layer = framed({"a.safetensors": checkpoint({"x": 700, "y": 5})})
    closed = []

    def blocks(at):
        try:
            yield layer[at : at + 512]
            yield layer[at + 512 :]
        finally:
            closed.append(at)

    tee = Tee(spans(entries, root=True))
    half = tee.over(blocks(0), 0)
    assert next(half) == layer[:512]
    half.close()
    assert closed == [0]
    assert b"".join(tee.over(blocks(100), 100)) == layer[100:]
    assert tee.table(Pushed(digest.of(layer), len(layer))) == heard(entries, layer)


def packed(tmp_path, registry, *, hash_first, before=None):
    """Pack a folder's layers; return what is said of them."""
    source = open_source("file:///models/x", roots.parse(f"/models={tmp_path}/models"))
    assert not isinstance(source, Unscannable)
    listed = scan_source(source)
    assert isinstance(listed, Listed)
    layers = plan.plan_layers(listed.files, listed.small, limits_of(""))
    assert isinstance(layers, tuple)
    jobs = [PackLayer(ABOUT, layer.part, source.uri, REPO, layer) for layer in layers]
    found = [pack_layer(job, source, registry, lambda _: None, hash_first=hash_first, before=before) for job in jobs]
    return [one for one in found if isinstance(one, PackedLayer)]


def read(registry, name):
    return b"".join(registry.pull(REPO, name) or ())


@pytest.mark.parametrize("hash_first", [True, False], ids=["hashed first", "streamed"])
def test_a_packed_layer_has_its_table_beside_it_also_one_that_was_there(tmp_path, hash_first):
    model, registry = tmp_path / "models" / "x", Layout(tmp_path / "registry")
    model.mkdir(parents=True)
    (model / "adapter.safetensors").write_bytes(checkpoint({"a": 900, "b": 1}))
    (model / "model.safetensors").write_bytes(checkpoint({"c": 9 << 20, "d": 8 << 20}))
    for _ in range(2):
        layers = packed(tmp_path, registry, hash_first=hash_first)
        assert [layer.role for layer in layers] == ["small", "weight"]
        for layer in layers:
            found = table.decode(read(registry, layer.table))
            assert (found.layer, found.size) == (layer.digest, layer.size)
            assert registry.has(REPO, layer.table) == layer.table_size
            data = read(registry, layer.digest)
            for one in found.tensors:
                assert one.digest == f"blake3:{blake3(data[one.offset : one.offset + one.length]).hexdigest()}"
            registry.delete(REPO, layer.table)  # a layer that is there may have lost its table


@pytest.mark.parametrize("hash_first", [True, False])
def test_what_only_seems_to_be_safetensors_is_packed_all_the_same(tmp_path, hash_first):
    model, registry = tmp_path / "models" / "x", Layout(tmp_path / "registry")
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"\xff" * (17 << 20))
    layers = packed(tmp_path, registry, hash_first=hash_first)
    assert [(layer.table, layer.table_size) for layer in layers] == [("", 0)] * 2
    assert registry.has(REPO, layers[1].digest) == layers[1].size


OTHER = b"another table"


@pytest.mark.parametrize(
    ("before", "believed"),
    [
        pytest.param({}, True, id="is the same and has its table"),
        pytest.param({"digest": digest.of(b"")}, False, id="is another"),
        pytest.param({"table": digest.of(b"")}, False, id="has lost its table"),
        pytest.param({"table_size": 1}, False, id="has a damaged table"),
    ],
)
def test_a_layer_that_was_there_before_keeps_its_table_when_what_was_before(tmp_path, before, believed):
    model, registry = tmp_path / "models" / "x", Layout(tmp_path / "registry")
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(checkpoint({"c": 9 << 20, "d": 8 << 20}))
    first = packed(tmp_path, registry, hash_first=False)[1]
    push(registry, REPO, OTHER, digest.of(OTHER))
    known = {"digest": first.digest, "size": first.size, "table": digest.of(OTHER), "table_size": len(OTHER)}
    again = packed(tmp_path, registry, hash_first=True, before=Blob(**known | before))[1]
    assert again.reused
    assert again.table == (digest.of(OTHER) if believed else first.table)
    assert registry.has(REPO, again.table) == again.table_size


def test_a_layer_that_is_sent_after_all_is_heard_on_its_way(tmp_path):
    model, registry = tmp_path / "models" / "x", Layout(tmp_path / "registry")
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(checkpoint({"c": 17 << 20}))
    was = Blob(digest.of(b""), 0, digest.of(OTHER), len(OTHER))
    sent = packed(tmp_path, registry, hash_first=True, before=was)[1]
    assert not sent.reused
    assert table.decode(read(registry, sent.table)).layer == sent.digest
