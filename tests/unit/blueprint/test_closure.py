"""Which of the workspace's pins an image needs."""

import pytest

from shale.blueprint.closure import UnpinnedError, needed, pinned

PINS = """\
hatchling==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
packaging==2.0 \\
    --hash=sha256:cc
pathspec==1 \\
    --hash=sha256:dd
pluggy==1 \\
    --hash=sha256:ee
unused==9 \\
    --hash=sha256:ff
tomlkit==1 ; python_version < '9' \\
    --hash=sha256:00
trove-classifiers==1 \\
    --hash=sha256:11
"""


def test_what_is_needed_is_taken_with_its_hashes_and_nothing_else():
    page = pinned("hatchling", PINS)
    assert "hatchling==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n" in page
    assert "tomlkit==1 ; python_version < '9' \\\n    --hash=sha256:00\n" in page
    assert "unused" not in page


def test_what_is_needed_and_not_pinned_is_said_with_its_cure():
    with pytest.raises(UnpinnedError, match="hatchling needs pathspec, pluggy: pin it with `just lock`"):
        pinned("hatchling", PINS.replace("pathspec==", "x==").replace("pluggy==", "y=="))


def test_ours_are_needed_and_never_pinned():
    assert "shale-contracts" in needed("shale-runtime")
    assert "shale-" not in pinned("shale-contracts", "msgspec==1 \\\n    --hash=sha256:aa\n").partition("\n")[2]


def test_an_extra_is_needed_only_where_it_is_asked_for():
    assert "cel-python" not in needed("shale-kube")
    assert "cel-python" in needed("shale-kube[embedded]")
