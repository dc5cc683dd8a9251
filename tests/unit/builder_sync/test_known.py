"""What names a layer's bytes, as sentences."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.builder_sync.known import PROVEN, SETTLED, Blob, asker, is_to_be_proven, named, settled
from shale.contracts.about import About
from shale.contracts.artifact import File, Layer, Small
from shale.contracts.jobs import PackLayer

NOW = 1_800_000_000
CTIME = (NOW - 60) * 10**9
ONE = File("model.safetensors", 2**24, version=f"7:1:{CTIME}")
TWO = File("other.safetensors", 2**24, version=f"8:1:{CTIME}")
VOLUMES = {ONE.path: "volume", TWO.path: "volume"}
BLOB = Blob("sha256:11", 2**24)


def layer(*files, root=False):
    return Layer("1-abc", "weights", sum(file.size for file in files), files=files, root=root)


def changed(**changes):
    return layer(msgspec.structs.replace(ONE, **changes))


NAME = named(layer(ONE), VOLUMES)


@pytest.mark.parametrize(
    ("other", "volumes"),
    [
        pytest.param(layer(ONE), {ONE.path: "elsewhere"}, id="the volume"),
        pytest.param(changed(size=2**24 + 1), VOLUMES, id="the size"),
        pytest.param(changed(version=f"9:1:{CTIME}"), VOLUMES, id="the inode"),
        pytest.param(changed(version=f"7:2:{CTIME}"), VOLUMES, id="the time of writing"),
        pytest.param(changed(version=f"7:1:{CTIME + 1}"), VOLUMES, id="the time of change"),
        pytest.param(changed(path=TWO.path), VOLUMES, id="the path in the tar"),
        pytest.param(changed(mode=0o755), VOLUMES, id="the mode in the tar"),
        pytest.param(layer(ONE, root=True), VOLUMES, id="the folder that a first layer holds"),
        pytest.param(layer(ONE, TWO), VOLUMES, id="another file beside it"),
    ],
)
def test_a_name_says(other, volumes):
    assert NAME != named(other, volumes) != ""


def test_a_name_is_that_of_the_same_files_whoever_asks_and_whatever_the_layer_is_called():
    renamed = msgspec.structs.replace(layer(ONE), part="3-def", name="x")
    assert named(renamed, VOLUMES) == NAME


def test_a_layer_of_several_files_is_named_in_the_order_of_its_tar():
    assert named(layer(ONE, TWO), VOLUMES) == named(layer(TWO, ONE), VOLUMES)


def test_what_is_of_one_file_is_of_no_other():
    swapped = layer(
        msgspec.structs.replace(ONE, version=TWO.version), msgspec.structs.replace(TWO, version=ONE.version)
    )
    assert named(swapped, VOLUMES) != named(layer(ONE, TWO), VOLUMES)


@pytest.mark.parametrize(
    ("one", "volumes"),
    [
        pytest.param(layer(ONE), {}, id="a volume that nothing identifies"),
        pytest.param(layer(ONE, TWO), {ONE.path: "volume"}, id="one of its files on such a volume"),
        pytest.param(changed(version=""), VOLUMES, id="a file without a version"),
        pytest.param(changed(version="7:1"), VOLUMES, id="a version that is no inode with its times"),
        pytest.param(Layer("0-abc", "small", 9, small=Small("a", "b", 2, 9, "sha256:00")), {}, id="a small run"),
        pytest.param(Layer("0-abc", "small", 0, root=True), {}, id="an empty first layer"),
    ],
)
def test_nothing_names(one, volumes):
    assert named(one, volumes) == ""


@pytest.mark.parametrize(
    ("ctime", "expected"),
    [
        pytest.param(NOW - SETTLED - 1, True, id="long ago"),
        pytest.param(NOW - SETTLED, False, id="within the time in which a clock may not have ticked"),
        pytest.param(NOW + 60, False, id="in the future"),
    ],
)
def test_what_changed(ctime, expected):
    version = f"7:1:{int(ctime * 10**9)}"
    assert settled(changed(version=version), NOW) is expected
    assert settled(layer(TWO, msgspec.structs.replace(ONE, version=version)), NOW) is expected


def test_what_has_no_times_never_settles():
    assert not settled(changed(version=""), NOW)


def jobs():
    for number in range(4000):
        yield PackLayer(About("modelversion", "team-a", "mv", f"uid-{number}", 1), "1-abc~1", "", "r", layer(ONE))


def test_about_one_in_20_is_proven_and_always_the_same():
    chosen = [job.about.uid for job in jobs() if is_to_be_proven(job, BLOB)]
    assert 0.7 / PROVEN < len(chosen) / 4000 < 1.3 / PROVEN
    assert chosen == [job.about.uid for job in jobs() if is_to_be_proven(job, BLOB)]


@given(st.integers(1, 9), st.text("abc", max_size=3))
def test_a_part_asks_as_one_at_every_try(trial, name):
    about = About("modelversion", "team-a", "mv", name, 1)
    first = PackLayer(about, "1-abc~1", "", "r", layer(ONE))
    assert asker(msgspec.structs.replace(first, part=f"1-abc~{trial}")) == asker(first)
    assert asker(msgspec.structs.replace(first, about=about.at(2))) != asker(first)
