"""Manifests from files, read as strictly as an API server does."""

import io
import os
import sys

import pytest

from shale.cli import documents
from shale.cli.exits import CliError


def write(tmp_path, text, name="it.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def trees(*paths):
    return [document.tree for document in documents.read(list(paths))]


def test_a_file_holds_many_documents_and_empty_ones_count_for_nothing(tmp_path):
    path = write(tmp_path, "kind: A\n---\n---\n# nothing\n---\nkind: B\n")
    assert trees(path) == [{"kind": "A"}, {"kind": "B"}]
    assert [document.where for document in documents.read([path])] == [path, f"{path}, document 4"]


def test_a_list_is_its_items(tmp_path):
    path = write(tmp_path, '{"kind": "List", "items": [{"kind": "A"}, {"kind": "B"}]}', "it.json")
    assert trees(path) == [{"kind": "A"}, {"kind": "B"}]


def test_a_folder_is_read_by_name_and_only_its_manifests(tmp_path):
    write(tmp_path, "kind: B", "b.yml")
    write(tmp_path, "kind: A", "a.yaml")
    write(tmp_path, "no: {", "notes.txt")
    assert trees(str(tmp_path)) == [{"kind": "A"}, {"kind": "B"}]


def test_standard_input_is_a_file_too(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"kind: A")))
    assert trees("-") == [{"kind": "A"}]


def test_a_date_stays_a_string(tmp_path):
    assert trees(write(tmp_path, "a: 2026-11-20\nb: 2026-11-20T12:00:00Z")) == [
        {"a": "2026-11-20", "b": "2026-11-20T12:00:00Z"}
    ]


def test_an_anchor_is_followed(tmp_path):
    assert trees(write(tmp_path, "a: &x {y: 1}\nb: *x")) == [{"a": {"y": 1}, "b": {"y": 1}}]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: [1\nb: 2", "line 2, column 2", id="broken YAML names the place"),
        pytest.param("a: 1\na: 2", "the field 'a' comes twice", id="a field that comes twice"),
        pytest.param("- a\n- b", "is no object but list", id="a list where an object is needed"),
        pytest.param("", "holds no object", id="nothing at all"),
        pytest.param(
            "a: !!python/object:os.system {}", "could not determine a constructor", id="a tag that makes things"
        ),
        pytest.param(BOMB, "its aliases repeat too much", id="a few bytes that say a billion"),
        pytest.param("&a {b: *a}", "its aliases repeat too much", id="what lies in itself"),
        pytest.param("? [a]\n: b", "mend the YAML there", id="a key that is no name"),
        pytest.param("a: \x00", "is no YAML", id="what is no text"),
    ],
)
def test_what_is_no_manifest_is_one_line(tmp_path, text, said):
    with pytest.raises(CliError, match=said) as caught:
        trees(write(tmp_path, text))
    assert "it.yaml" in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with pytest.raises(CliError, match="is larger than"):
        trees(write(tmp_path, "#" * (documents.MAX_BYTES + 1)))


def test_a_file_that_is_not_there_is_the_callers_mistake(tmp_path):
    with pytest.raises(CliError, match="is not there"):
        trees(str(tmp_path / "none.yaml"))


def test_what_is_nested_beyond_reason_is_named(tmp_path):
    path = write(tmp_path, "[" * 5000 + "]" * 5000)
    with pytest.raises(CliError, match=r"it\.yaml is nested too deeply"):
        documents.read([path])


def test_a_pipe_is_refused_before_it_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CliError, match="pipe is neither a regular file nor a folder"):
        documents.read([str(tmp_path / "pipe")])
