import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.sources import globs


def kept(path, include="", exclude=""):
    """Say whether a file is kept, as a walk asks: each folder above it is asked first."""
    wanted = globs.parse(include, exclude)
    parts = path.split("/")
    heads = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    return not any(wanted.excludes(head) for head in heads) and wanted.wants(path)


@pytest.mark.parametrize(
    ("path", "include", "exclude", "answer"),
    [
        pytest.param("a/b.bin", "", "", True, id="without filters all is wanted"),
        pytest.param("a/b.bin", " , ,/", "", True, id="empty pieces mean nothing"),
        pytest.param("model.safetensors", "*.safetensors", "", True, id="a name at the top"),
        pytest.param("onnx/model.safetensors", "*.safetensors", "", True, id="a name anywhere"),
        pytest.param("config.json", "*.safetensors", "", False, id="another name"),
        pytest.param("config.json", "*.safetensors, *.json", "", True, id="one of several, with blanks"),
        pytest.param("onnx/model.onnx", "onnx/*", "", True, id="a path"),
        pytest.param("a/onnx/model.onnx", "onnx/*", "", False, id="a path is from the top"),
        pytest.param("a/onnx/model.onnx", "**/onnx/*", "", True, id="any folders before"),
        pytest.param("onnx/model.onnx", "**/onnx/*", "", True, id="any is also none"),
        pytest.param("onnx/a/b/model.onnx", "onnx/**/model.onnx", "", True, id="any folders between"),
        pytest.param("onnx/model.onnx", "onnx/**/model.onnx", "", True, id="none between"),
        pytest.param("onnx/a/b", "onnx/**", "", True, id="any folders behind"),
        pytest.param("onnx/a/b", "onnx/", "", True, id="who matches a folder matches all in it"),
        pytest.param("x/onnx/a/b", "onnx", "", True, id="a folder's name anywhere"),
        pytest.param("onnx/a", "/onnx", "", True, id="a slash in front means from the top"),
        pytest.param("x/onnx/a", "/onnx", "", False, id="and only there"),
        pytest.param("a/b", "a*b", "", False, id="a star does not pass a slash"),
        pytest.param("ab.bin", "a?.bin", "", True, id="a question mark is one character"),
        pytest.param("a1.bin", "a[0-9].bin", "", True, id="a class"),
        pytest.param("A.BIN", "*.bin", "", False, id="case matters"),
        pytest.param(".git/config", "", ".git", False, id="an excluded folder"),
        pytest.param("a/.git/config", "", ".git", False, id="an excluded folder, deeper"),
        pytest.param("a/keep", "", "b", True, id="what is not excluded"),
        pytest.param("a/x.bin", "*.bin", "a/*", False, id="exclude wins"),
        pytest.param("a\nb.bin", "*.bin", "", True, id="a line feed in a name"),
    ],
)
def test_globs(path, include, exclude, answer):
    assert kept(path, include, exclude) is answer


@given(st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=6).map("/".join))
def test_a_path_matches_itself_and_two_stars_match_everything(path):
    assert kept(path, include=f"/{path}")
    assert kept(path, include="**")
    assert not kept(path, exclude="**")


def test_a_hostile_pattern_ends_soon():
    assert not kept("/".join(["a" * 200] * 60), include="/".join(["**", "a*a*a*a*a*b"] * 60))


@pytest.mark.parametrize(("include", "filtering"), [("", False), (" ,", False), ("*", True)])
def test_one_knows_whether_anything_is_filtered(include, filtering):
    assert globs.parse(include, "").filtering is filtering
    assert globs.parse("", include).filtering is filtering
