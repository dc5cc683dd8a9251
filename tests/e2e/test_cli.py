"""The `shale` command as a person uses it: real processes, a real NATS, one installation for all tests but three."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from shale.cli.local.home import Home
from shale.cli.local.server import any_port
from shale.contracts.streams import OBJECTS
from shale.runtime.bus.buckets import Bucket
from shale.runtime.bus.connection import connected
from shale.testkit.person import SHALE, Here, alive, ended, pids, tiny, wait_until

pytestmark = pytest.mark.real_nats


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    place = Here(tmp_path_factory.mktemp("cli"))
    tiny(place.folder)
    process, state = place.up("--models", f"/models={place.folder / 'models'}")
    try:
        yield place
    finally:
        assert ended(process) == 0
        assert not any(alive(pid) for pid in pids(state))


def test_an_object_is_created_then_unchanged_then_configured(here: Here) -> None:
    manifest = here.version("steps")
    assert here.shale("apply", "-f", str(manifest)).stdout == "modelversion team-a/steps created\n"
    assert here.shale("apply", "-f", str(manifest)).stdout == "modelversion team-a/steps unchanged\n"
    here.version("steps", deletionPolicy="Delete")
    assert here.shale("apply", "-f", str(manifest)).stdout == "modelversion team-a/steps configured\n"


def test_a_dry_run_checks_and_writes_nothing(here: Here) -> None:
    manifest = here.version("dry")
    assert here.shale("apply", "--dry-run", "-f", str(manifest)).stdout == "modelversion team-a/dry created (dry run)\n"
    assert here.shale("get", "mv/dry", "-n", "team-a").returncode == 1


def test_manifests_come_from_standard_input_into_the_namespace_asked_for(here: Here) -> None:
    tree = {"apiVersion": "shale.dev/v1alpha1", "kind": "Model", "metadata": {"name": "piped"}}
    done = here.shale("apply", "-f", "-", "-n", "team-b", stdin=yaml.safe_dump(tree))
    assert done.stdout == "model team-b/piped created\n"
    assert json.loads(here.shale("get", "mo/piped", "-n", "team-b", "-o", "json").stdout)["metadata"]["generation"] == 1


def test_a_version_becomes_an_image_that_is_pulled_back_byte_for_byte(here: Here) -> None:
    image = here.built("road")
    table = here.shale("get", "mv", "-n", "team-a").stdout
    assert table.splitlines()[0].split() == [
        "NAME",
        "MODEL",
        "PHASE",
        "PROGRESS",
        "NEW",
        "REUSED",
        "IMAGE",
        "READY",
        "AGE",
    ]
    assert image in table
    done = here.shale("pull", image, "pulled")
    assert done.returncode == 0, done.stderr
    source = here.folder / "models" / "tiny"
    for path in ("weights.bin", "config.json", "sub/vocab.txt"):
        assert (here.folder / "pulled" / path).read_bytes() == (source / path).read_bytes()
    verified = here.shale("verify", image, "pulled", "-o", "json")
    assert (verified.returncode, json.loads(verified.stdout)["complaints"]) == (0, [])


def test_an_image_is_pulled_by_its_digest(here: Here) -> None:
    here.built("pinned")
    tree = json.loads(here.shale("get", "mv", "pinned", "-n", "team-a", "-o", "json").stdout)
    done = here.shale("pull", f"models/pinned@{tree['status']['digest']}", "by-digest", "-o", "json")
    assert json.loads(done.stdout)["files"] == 3


def test_a_folder_that_holds_files_is_not_pulled_into_without_force(here: Here) -> None:
    image = here.built("forced")
    folder = here.folder / "full"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    (folder / "config.json").write_text("other")
    refused = here.shale("pull", image, "full")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "not empty" in refused.stderr
    assert here.shale("pull", image, "full", "--force").returncode == 0
    assert (folder / "mine.txt").read_text() == "mine"
    assert (folder / "config.json").read_text() == '{"layers": 6}\n'


def test_verify_names_every_file_that_differs(here: Here) -> None:
    image = here.built("differs")
    here.shale("pull", image, "changed")
    (here.folder / "changed" / "config.json").write_text('{"layers": 7}\n')
    (here.folder / "changed" / "sub" / "vocab.txt").unlink()
    (here.folder / "changed" / "extra").write_text("")
    done = here.shale("verify", image, "changed")
    assert done.returncode == 1
    for said in ("config.json holds other bytes", "sub/vocab.txt is missing", "extra is not in the image"):
        assert said in done.stderr


def test_a_damaged_blob_fails_by_its_name_and_leaves_no_folder(here: Here) -> None:
    image = here.built("damaged")
    blobs = here.folder / "home" / "registry" / "models" / "damaged" / "blobs" / "sha256"
    weights = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    damaged = bytearray(weights.read_bytes())
    damaged[5 << 20 : 6 << 20] = bytes(1 << 20)
    weights.unlink()  # the file may be that of other repositories too
    weights.write_bytes(damaged)
    pulled = here.shale("pull", image, "broken")
    assert (pulled.returncode, pulled.stderr.count("\n")) == (1, 1)
    assert f"layer models/weights.bin (sha256:{weights.name})" in pulled.stderr
    assert "shale retry" in pulled.stderr
    assert [path.name for path in here.folder.iterdir() if "broken" in path.name] == []
    verified = here.shale("verify", image)
    assert (verified.returncode, "models/weights.bin" in verified.stderr) == (1, True)


def test_a_retry_is_a_new_attempt_that_ends_ready_again(here: Here) -> None:
    here.built("again")
    assert here.shale("retry", "mv/again", "-n", "team-a").stdout == "modelversion team-a/again attempt 1\n"
    assert here.shale("wait", "mv/again", "-n", "team-a").returncode == 0
    tree = json.loads(here.shale("get", "mv/again", "-n", "team-a", "-o", "json").stdout)
    assert (tree["spec"]["attempt"], tree["status"]["observedGeneration"]) == (1, tree["metadata"]["generation"])
    assert tree["status"]["bytesReused"] == tree["status"]["bytesTotal"]
    assert here.shale("apply", "-f", str(here.version("again"))).stdout == "modelversion team-a/again unchanged\n"


def test_a_model_has_no_attempt(here: Here) -> None:
    assert here.shale("retry", "mo/tiny", "-n", "team-a").returncode == 2


def test_what_was_told_is_listed_in_its_order(here: Here) -> None:
    here.built("told")
    assert wait_until(lambda: "ImageBuilt" in here.shale("events", "-n", "team-a", "--kind", "mv").stdout)
    lines = [json.loads(line) for line in here.shale("events", "-n", "team-a", "-o", "json").stdout.splitlines()]
    facts = [line["fact"] for line in lines if line["data"]["about"]["name"] == "told"]
    milestones = [fact for fact in facts if fact != "progressed"]
    assert milestones[0] == "declared"
    assert {"storage-ready", "scanned", "layers-planned", "layer-packed"} <= set(milestones)
    assert milestones.index("layers-planned") < milestones.index("layer-packed") < milestones.index("image-built")
    assert here.shale("events", "-n", "nobody").stdout == ""


async def _damaged(here: Here, key: str) -> None:
    """Write what no release of ours reads where an object would lie."""
    state = Home(Path(here.environ["SHALE_HOME"])).state()
    assert state is not None
    async with connected(state.nats_url, "stranger", fatal=False) as bus:
        assert await Bucket(bus, OBJECTS.name).create(key, b"damaged")


def test_what_cannot_be_read_is_named_in_one_line_hides_nobody_and_can_be_deleted(here: Here) -> None:
    here.built("readable")
    asyncio.run(_damaged(here, "modelversion.team-a.odd"))
    listed = here.shale("get", "mv", "-n", "team-a")
    assert (listed.returncode, "readable" in listed.stdout) == (0, True)
    assert [line for line in listed.stderr.splitlines() if "team-a/odd cannot be read" in line] != []
    alone = here.shale("get", "mv/odd", "-n", "team-a")
    assert (alone.returncode, alone.stderr.count("\n"), "cannot be read" in alone.stderr) == (1, 1, True)
    assert here.shale("delete", "mv/odd", "-n", "team-a").stdout == "modelversion team-a/odd deleted\n"
    assert "cannot be read" not in here.shale("get", "mv", "-n", "team-a").stderr


def test_a_watch_shows_each_change_until_its_time_is_over(here: Here) -> None:
    here.built("watched")
    done = here.shale("get", "mv/watched", "-n", "team-a", "-w", "--timeout", "1", "-o", "json")
    assert done.returncode == 0
    assert [json.loads(line)["metadata"]["name"] for line in done.stdout.splitlines()] == ["watched"]


def test_waiting_for_what_stalls_ends_at_once_and_says_the_cure(here: Here) -> None:
    storage = {"localStorage": {"path": "/elsewhere/tiny", "nodeName": "here"}}
    here.shale("apply", "-f", str(here.version("outside", storage=storage)))
    done = here.shale("wait", "mv/outside", "-n", "team-a", "--timeout", "30")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "/elsewhere/tiny" in done.stderr


def test_several_objects_are_shown_awaited_and_deleted_at_once(here: Here) -> None:
    here.built("one")
    here.built("two")
    both, space = ("mv/one", "mv/two"), ("-n", "team-a")
    assert len(here.shale("get", *both, *space).stdout.splitlines()) == 3
    assert len(json.loads(here.shale("get", "mv", *space, "one", "two", "-o", "json").stdout)["items"]) == 2
    assert here.shale("wait", *both, *space).stdout.count(" is Ready") == 2
    partly = here.shale("get", "mv/one", "mv/nobody", *space)
    assert (partly.returncode, "one" in partly.stdout, "nobody" in partly.stderr) == (1, True, True)
    done = here.shale("delete", "mv/nobody", *both, *space)
    assert (done.returncode, done.stdout.count(" deleted\n")) == (1, 2)
    assert "nobody is not there: it was not deleted" in done.stderr, done.stderr


def test_what_get_prints_is_applied_again_and_again_without_harm(here: Here) -> None:
    here.built("round")
    get = ("get", "mv/round", "-n", "team-a", "-o", "yaml")
    before = here.shale(*get).stdout
    assert "shale.dev/model" in before
    assert here.shale("apply", "-f", "-", stdin=before).returncode == 0
    assert here.shale("apply", "-f", str(here.version("round"))).returncode == 0
    first, last = (yaml.safe_load(text)["metadata"] for text in (before, here.shale(*get).stdout))
    for field in ("annotations", "ownerReferences", "finalizers", "generation", "uid"):
        assert first.get(field) == last.get(field)


def test_events_and_a_watch_are_yaml_documents_when_asked_for(here: Here) -> None:
    here.built("documents")
    watched = here.shale("get", "mv/documents", "-n", "team-a", "-w", "--timeout", "1", "-o", "yaml")
    assert [tree["metadata"]["name"] for tree in yaml.safe_load_all(watched.stdout)] == ["documents"]
    told = list(yaml.safe_load_all(here.shale("events", "-n", "team-a", "-o", "yaml").stdout))
    assert {"time", "source", "fact", "data"} == set(told[0])


def test_waiting_has_an_end(here: Here) -> None:
    here.built("slow")
    done = here.shale("wait", "mv/slow", "-n", "team-a", "--for", "condition=Served", "--timeout", "0.5")
    assert done.returncode == 3


def test_waiting_for_what_is_not_there_fails(here: Here) -> None:
    done = here.shale("wait", "mv/nobody", "-o", "json")
    assert done.returncode == 1
    assert "modelversion default/nobody is not there" in json.loads(done.stderr)["error"]


def test_a_deleted_object_is_gone_when_the_command_ends(here: Here) -> None:
    image = here.built("doomed")
    manifest = here.folder / "doomed.yaml"
    said = here.shale("delete", "-f", str(manifest)).stdout.splitlines()
    assert said[0] == "modelversion team-a/doomed deleted"
    assert re.fullmatch(r"  image-builder left models/doomed:v1@sha256:[0-9a-f]{64}", said[1])
    assert here.shale("get", "mv/doomed", "-n", "team-a").returncode == 1
    assert here.shale("delete", "-f", str(manifest)).stdout == "modelversion team-a/doomed was not there\n"
    assert here.shale("delete", "mv/doomed", "-n", "team-a").returncode == 1
    assert here.shale("verify", image).returncode == 0, "its deletionPolicy is Retain"


def test_deleting_a_model_deletes_its_versions(here: Here) -> None:
    here.shale("apply", "-f", str(here.version("child", modelName="parent")))
    assert here.shale("wait", "mv/child", "-n", "team-a").returncode == 0
    deleted = here.shale("delete", "mo/parent", "-n", "team-a", "--cascade", "foreground")
    assert deleted.stdout.splitlines()[0] == "model team-a/parent deleted", deleted.stderr
    assert here.shale("wait", "mv/child", "-n", "team-a", "--for", "delete", "--timeout", "20").returncode == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            {"imagTag": "v1"}, 'unknown field "spec.imagTag"; did you mean "imageTag"?', id="an unknown field"
        ),
        pytest.param({"storage": None}, "spec.storage is missing", id="a missing field"),
        pytest.param({"imageRepo": "models/x:v1"}, "imageRepo must be a repository without tag", id="a broken rule"),
    ],
)
def test_a_bad_manifest_is_one_line_that_names_the_field(here: Here, change: dict[str, Any], said: str) -> None:
    done = here.shale("apply", "-f", str(here.version("bad", **change)))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert said in done.stderr
    assert "bad.yaml" in done.stderr


def test_broken_yaml_is_one_line_that_names_the_place(here: Here) -> None:
    (here.folder / "broken.yaml").write_text("kind: [Model\nmetadata: {}\n")
    done = here.shale("apply", "-f", "broken.yaml")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "broken.yaml, line 2, column 9" in done.stderr


def test_good_documents_are_applied_also_beside_a_bad_one(here: Here) -> None:
    bad, good = here.version("bad-one", imageTag="-"), here.version("good-one")
    (here.folder / "both.yaml").write_text(f"{bad.read_text()}---\n{good.read_text()}")
    done = here.shale("apply", "-f", "both.yaml")
    assert (done.returncode, done.stdout) == (1, "modelversion team-a/good-one created\n")
    assert "modelversion team-a/bad-one" in done.stderr


def test_provisioning_again_changes_nothing_that_is_there(here: Here) -> None:
    image = here.built("before-init")
    assert here.shale("init").returncode == 0
    assert image in here.shale("get", "mv", "-A").stdout


def test_a_home_has_one_installation(here: Here) -> None:
    done = here.shale("up")
    assert done.returncode == 1
    assert "another `shale up` runs" in done.stderr


def test_a_service_that_dies_is_started_again_and_that_is_said(here: Here) -> None:
    state_file = here.folder / "home" / "state.json"
    before = {one["name"]: one["pid"] for one in json.loads(state_file.read_text())["processes"]}
    os.kill(before["storage-provisioner"], signal.SIGKILL)

    def restarted() -> bool:
        now = {one["name"]: one["pid"] for one in json.loads(state_file.read_text())["processes"]}
        return now["storage-provisioner"] != before["storage-provisioner"] and alive(now["storage-provisioner"])

    assert wait_until(restarted)
    assert "storage-provisioner ended (killed by SIGKILL)" in (here.folder / "up.log").read_text()
    here.built("after-restart")


def test_nothing_outlives_an_installation_that_is_killed(tmp_path: Path) -> None:
    process, state = Here(tmp_path).up("--workers", "1")
    assert all(alive(pid) for pid in pids(state))
    process.kill()
    process.wait(5)
    assert process.stdout is not None
    process.stdout.close()
    assert wait_until(lambda: not any(alive(pid) for pid in pids(state)))


@pytest.mark.parametrize(
    "shell",
    [
        pytest.param((), id="as a person starts it"),
        pytest.param(("sh", "-c", 'trap "" INT; exec "$@"', "-"), id="as a background job, interrupts ignored"),
    ],
)
def test_an_interrupted_start_leaves_nothing(tmp_path: Path, shell: tuple[str, ...]) -> None:
    here = Here(tmp_path)
    command = [*shell, *SHALE, "up", "--port", str(any_port())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=here.environ)
    state_file = tmp_path / "home" / "state.json"
    assert wait_until(state_file.exists)
    state = json.loads(state_file.read_text())
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode in {0, 130}
    assert "Traceback" not in said
    assert wait_until(lambda: not any(alive(pid) for pid in pids(state)))
    assert not state_file.exists()


def test_without_an_installation_the_cure_is_said_at_once(tmp_path: Path) -> None:
    here = Here(tmp_path)
    here.environ["SHALE_NATS_URL"] = f"nats://127.0.0.1:{any_port()}"
    done = here.shale("get", "mv")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "start it with `shale up`" in done.stderr


def test_credentials_are_not_taken_from_the_command_line(tmp_path: Path) -> None:
    done = Here(tmp_path).shale("get", "mv", "--nats", "nats://me:hush@127.0.0.1:4222")
    assert done.returncode == 2
    assert "hush" not in done.stderr
    assert "SHALE_NATS_URL" in done.stderr
