from pathlib import Path

import pytest

from shale.sources import roots

TWO = roots.parse("/models=/home/me/models, /models/big=/mnt/big")


@pytest.mark.parametrize(
    ("path", "placed"),
    [
        pytest.param("/models/resnet", ("/home/me/models", "resnet"), id="below a root"),
        pytest.param("/models", ("/home/me/models", ""), id="a root itself"),
        pytest.param("/models/", ("/home/me/models", ""), id="with a slash behind"),
        pytest.param("//models//resnet/", ("/home/me/models", "resnet"), id="with more slashes"),
        pytest.param("/models/big/llama", ("/mnt/big", "llama"), id="the longest prefix wins"),
        pytest.param("/models/bigger", ("/home/me/models", "bigger"), id="a prefix ends at a slash"),
        pytest.param("/modelsx", None, id="another folder"),
        pytest.param("/", None, id="everything"),
        pytest.param("models/resnet", None, id="a relative path"),
        pytest.param("/models/../etc", None, id="a path that leaves"),
        pytest.param("/models/a/..", None, id="or might"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_path_lies_below_a_root_or_nowhere(path, placed):
    found = TWO.place(path)
    assert (found and (str(found[0].folder), found[1])) == placed


def test_by_default_nothing_may_be_read():
    assert roots.Roots().place("/models") is None
    assert roots.parse("").place("/models") is None


def test_a_prefix_alone_is_its_own_folder():
    assert roots.parse("/data").roots == (roots.Root("/data", Path("/data")),)


def test_all_of_the_machine_may_be_a_root_if_someone_says_so():
    assert roots.parse("/=/srv").place("/a/b") == (roots.Root("/", Path("/srv")), "a/b")


def test_a_root_may_itself_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert roots.parse(f"/models={tmp_path}/link").roots[0].folder == tmp_path / "real"


@pytest.mark.parametrize("text", ["models=/x", "/models=x", "=", "/a,b"])
def test_roots_are_absolute(text):
    with pytest.raises(ValueError, match="is no absolute path"):
        roots.parse(text)
