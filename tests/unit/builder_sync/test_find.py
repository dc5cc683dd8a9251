"""Where a blob is found, in folders: what was damaged in one repository does not come into another."""

import pytest

from shale.builder_sync.find import Place, is_mounted, is_there
from shale.builder_sync.known import Blob
from shale.oci.layout import Layout
from shale.oci.registry import Pushed, push
from shale.runtime.beat import Beat, Stopped

DATA, TABLE = b"weights" * 100_000, b"{}"


@pytest.fixture
def registry(tmp_path):
    return Layout(tmp_path)


def pushed(registry, repo, data):
    done = push(registry, repo, data)
    assert isinstance(done, Pushed)
    return done


@pytest.fixture
def blob(registry):
    layer, table = pushed(registry, "a", DATA), pushed(registry, "a", TABLE)
    return Blob(layer.digest, layer.size, table.digest, table.size)


def damage(tmp_path, digest):
    path = tmp_path / "a" / "blobs" / "sha256" / digest.removeprefix("sha256:")
    size = path.stat().st_size
    path.unlink()
    path.write_bytes(bytes(size))


def test_it_is_there_with_its_table(registry, blob):
    assert is_there(registry, "a", blob)
    assert not is_there(registry, "b", blob)


def test_it_is_not_there_without_its_table(registry, blob):
    registry.delete("a", blob.table)
    assert not is_there(registry, "a", blob)


def test_it_is_not_there_in_another_size(registry, blob):
    assert not is_there(registry, "a", Blob(blob.digest, blob.size + 1))


def test_it_is_mounted_with_its_table_and_work_that_moves_is_seen_to(registry, blob):
    beat = Beat()
    assert is_mounted(registry, "b", blob, (Place("a", beat.moved),))
    assert is_there(registry, "b", blob)
    assert beat.signs > 1


@pytest.mark.parametrize("part", ["digest", "table"], ids=["a layer", "a table"])
def test_what_is_damaged_is_not_mounted_from_there_though_its_size_is_right(registry, blob, tmp_path, part):
    damage(tmp_path, getattr(blob, part))
    assert is_there(registry, "a", blob)
    assert not is_mounted(registry, "b", blob, (Place("a", Beat().moved),))
    assert registry.has("b", blob.digest) is registry.has("b", blob.table) is None


def test_what_is_damaged_in_one_place_is_mounted_from_another(registry, blob, tmp_path):
    assert pushed(registry, "c", DATA).digest == blob.digest
    assert pushed(registry, "c", TABLE).digest == blob.table
    damage(tmp_path, blob.digest)
    assert is_mounted(
        registry, "b", blob, (Place("a", Beat().moved), Place("nowhere", Beat().moved), Place("c", Beat().moved))
    )
    assert b"".join(registry.pull("b", blob.digest) or ()) == DATA


def test_who_is_not_wanted_any_more_stops_amid_a_blob(registry, blob):
    beat = Beat()
    beat.stop("over")
    with pytest.raises(Stopped):
        is_mounted(registry, "b", blob, (Place("a", beat.moved),))
    assert registry.has("b", blob.digest) is None
