"""Secrets of a laptop: files that nobody else can read."""

import os

import pytest
import yaml

from shale.secrets import folder
from shale.secrets.folder import FolderSecrets
from shale.secrets.secret import Forbidden, Malformed, Missing, Secret
from shale.testkit.secrets import opaque

SECRET = "s3cr3t-Pa55word"


@pytest.fixture
def put(tmp_path):
    """Return what writes the file of Secret team-a/push."""

    def write(text, mode=0o600):
        (tmp_path / "team-a").mkdir(exist_ok=True)
        path = tmp_path / "team-a" / "push.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def get(tmp_path):
    return lambda: FolderSecrets(tmp_path).get("team-a", "push")


def test_a_file_is_the_manifest_that_kubectl_would_take(put, get):
    put(f"kind: Secret\nmetadata: {{name: push, labels: {{shale.dev/use: 'true'}}}}\nstringData: {{token: {SECRET}}}")
    found = get()
    assert isinstance(found, Secret)
    assert found.data["token"].reveal() == SECRET.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o601])
def test_a_file_that_others_may_touch_is_refused_with_the_cure(put, get, mode):
    path = put(yaml.safe_dump(opaque({"token": SECRET})), mode)
    assert get() == Forbidden(f"{path} can be read by others: chmod 600 {path}")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owner_alone_is_read(put, get, mode):
    put(yaml.safe_dump(opaque({"token": SECRET})), mode)
    assert isinstance(get(), Secret)


def test_what_is_not_there_is_missing_and_the_message_says_where_it_belongs(tmp_path, get):
    found = get()
    assert isinstance(found, Missing)
    assert str(tmp_path / "team-a" / "push.yaml") in found.message


def test_a_link_is_not_followed(tmp_path, put, get):
    path = put(yaml.safe_dump(opaque({"token": SECRET})))
    path.rename(tmp_path / "elsewhere.yaml")
    path.symlink_to(tmp_path / "elsewhere.yaml")
    assert isinstance(get(), Malformed)


def test_a_pipe_is_not_waited_for(tmp_path, get):
    (tmp_path / "team-a").mkdir()
    os.mkfifo(tmp_path / "team-a" / "push.yaml", 0o600)
    assert isinstance(get(), Malformed)


def test_a_folder_is_no_secret(tmp_path, get):
    (tmp_path / "team-a" / "push.yaml").mkdir(parents=True)
    assert isinstance(get(), Malformed)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"stringData:\n  token: '{SECRET}\n\tx: [", id="a quote without its end"),
        pytest.param(f"{SECRET}: {{", id="a bracket without its end"),
        pytest.param(f"stringData: {{token: !!python/object:os.system {SECRET}}}", id="a tag of Python's"),
        pytest.param(b"\xc3\x28" + SECRET.encode(), id="no text"),
        pytest.param("[" * 5000 + SECRET, id="a well without a bottom"),
        pytest.param(f"date: 2025-99-99\nstringData: {{token: {SECRET}}}", id="a day that is none"),
    ],
)
def test_what_is_no_yaml_is_said_without_quoting_it(put, get, text):
    put(text)
    found = get()
    assert isinstance(found, Malformed)
    assert "is not YAML" in found.message
    assert SECRET not in repr(found)


def test_yaml_that_is_no_secret_is_malformed(put, get):
    put("- a\n- b")
    assert isinstance(get(), Malformed)


def test_a_file_without_an_end_is_not_read_to_it(put, get, monkeypatch):
    monkeypatch.setattr(folder, "MOST", 100)
    put("#" * 101)
    assert "larger than 100 bytes" in get().message


@pytest.mark.parametrize(("namespace", "name"), [("..", "push"), ("team-a", "../team-a/push"), ("", "push")])
def test_no_name_leads_out_of_the_folder(tmp_path, put, namespace, name):
    put(yaml.safe_dump(opaque({"token": SECRET})))
    assert isinstance(FolderSecrets(tmp_path / "team-a").get(namespace, name), Missing)
    assert isinstance(FolderSecrets(tmp_path).get(namespace, name), Missing)
