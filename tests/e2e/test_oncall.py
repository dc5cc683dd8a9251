"""`describe`, `forget` and what `delete` leaves, as whoever is on call uses them, on one installation."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from shale.testkit.person import Here, alive, ended, pids, tiny, wait_until

pytestmark = pytest.mark.real_nats

SPACE = ("-n", "team-a")
OF_STUCK = ("mv/stuck", *SPACE, "-o", "json")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    place = Here(tmp_path_factory.mktemp("oncall"))
    tiny(place.folder)
    process, state = place.up("--models", f"/models={place.folder / 'models'}")
    try:
        yield place
    finally:
        assert ended(process) == 0
        assert not any(alive(pid) for pid in pids(state))


def described(here: Here, name: str) -> dict[str, object]:
    done = here.shale("describe", f"mv/{name}", *SPACE, "-o", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_object_is_described_with_its_timeline_its_layers_and_its_holders(here: Here) -> None:
    image = here.built("whole")
    text = here.shale("describe", "mv/whole", *SPACE).stdout
    sections = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert sections == ["Conditions:", "Spec:", "Status:", "Held by:", "Layers:", "Timeline:"]
    for said in (image, "weights.bin", "Declared", "ImageBuilt", "would leave models/whole:v1@sha256:"):
        assert said in text
    tree = described(here, "whole")
    told = [one["fact"] for one in tree["timeline"]]  # pyright: ignore[reportGeneralTypeIssues, reportIndexIssue]
    assert told[0] == "declared"
    assert told[-1] == "image-built"
    assert list(tree["holders"]) == ["image-builder"]  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_what_stalls_says_who_waits_for_what(here: Here) -> None:
    storage = {"localStorage": {"path": "/models/later", "nodeName": "here"}}
    here.shale("apply", "-f", str(here.version("stalls", storage=storage)))
    assert here.shale("wait", "mv/stalls", *SPACE).returncode == 4
    text = here.shale("describe", "mv/stalls", *SPACE).stdout
    assert "Stalled  True" in text
    working = text.partition("Working:")[2].partition("\n\n")[0]
    assert "storage-provisioner  Stalled  SourceNotFound" in working


def test_what_is_deleted_names_what_it_leaves_and_is_remembered(here: Here) -> None:
    here.built("left")
    done = here.shale("delete", "mv/left", *SPACE, "-o", "json")
    (left,) = json.loads(done.stdout)["left"]
    assert left.startswith("models/left:v1@sha256:")
    assert here.shale("verify", left.replace("left:v1@", "left@")).returncode == 0, "it is there"
    text = here.shale("describe", "mv/left", *SPACE).stdout
    assert "is not there any more" in text
    assert left in text.partition("Left behind:")[2]
    assert "Released" in text


def test_what_nobody_knows_is_one_line(here: Here) -> None:
    for command in ("describe", "forget"):
        done = here.shale(command, "mv/nobody", *SPACE)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "modelversion team-a/nobody is not there" in done.stderr


def test_an_object_that_is_not_being_deleted_is_not_forgotten(here: Here) -> None:
    here.built("wanted")
    done = here.shale("forget", "mv/wanted", *SPACE)
    assert (done.returncode, "is not being deleted, held by image-builder" in done.stdout) == (0, True)
    forced = here.shale("forget", "mv/wanted", *SPACE, "--force")
    assert (forced.returncode, forced.stderr.count("\n")) == (1, 1)
    assert "`shale delete mv/wanted -n team-a` first" in forced.stderr
    assert here.shale("wait", "mv/wanted", *SPACE).returncode == 0, "nothing happened to it"


def test_a_holder_that_never_releases_is_waited_for_until_it_is_forced(here: Here) -> None:
    here.built("stuck")
    with here.absent("image-builder"):
        here.shale("delete", "mv/stuck", *SPACE, "--wait", "false")
        assert wait_until(lambda: "waits for image-builder" in here.shale("get", *OF_STUCK).stdout, within=60)
        late = here.shale("delete", "mv/stuck", *SPACE, "--timeout", "1")
        assert (late.returncode, "waits for image-builder" in late.stderr) == (3, True)
        asked = json.loads(here.shale("forget", "mv/stuck", *SPACE, "-o", "json").stdout)
        assert asked["deleting"] is True
        (image, claim) = asked["holders"]["image-builder"]
        assert image.startswith("models/stuck:v1@sha256:")
        assert claim.startswith("the claim on models/stuck:v1")
        forced = here.shale("forget", "mv/stuck", *SPACE, "--force", "--timeout", "60")
        assert forced.returncode == 0, forced.stderr
        assert forced.stdout.splitlines()[0] == "modelversion team-a/stuck forgotten"
        assert f"  image-builder left {image}; {claim}" in forced.stdout
        assert here.shale("get", "mv/stuck", *SPACE).returncode == 1
    here.built("stuck")
    assert here.shale("delete", "mv/stuck", *SPACE).returncode == 0, "its namesake lives and goes as any other"


def test_without_a_watcher_the_forced_end_says_who_is_missing(here: Here) -> None:
    here.built("unwatched")
    with here.absent("image-builder"):
        here.shale("delete", "mv/unwatched", *SPACE, "--wait", "false")
        assert wait_until(lambda: "Gone" in here.shale("describe", "mv/unwatched", *SPACE).stdout, within=60)
        with here.absent("watcher"):
            done = here.shale("forget", "mv/unwatched", *SPACE, "--force", "--timeout", "1")
            assert (done.returncode, done.stderr.count("\n")) == (3, 1)
            assert "is the watcher running?" in done.stderr
        gone = here.shale("wait", "mv/unwatched", *SPACE, "--for", "delete", "--timeout", "60")
        assert gone.returncode == 0, gone.stderr
