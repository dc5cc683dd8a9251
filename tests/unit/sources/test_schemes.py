import pytest

from shale.sources import roots
from shale.sources.filesystem import FileSystem
from shale.sources.schemes import open_source
from shale.sources.source import Unscannable


def test_a_file_uri_is_read_from_the_disk(tmp_path):
    assert isinstance(open_source("file:///models/x", roots.parse(f"/models={tmp_path}")), FileSystem)


@pytest.mark.parametrize("uri", ["hf://team/model", "/models/x", "file:/models/x", "", "://x"])
def test_what_nothing_reads_is_told_with_what_is_known(uri):
    found = open_source(uri, roots.Roots())
    assert isinstance(found, Unscannable)
    assert found.reason == "UnknownSource"
    assert "known are file://" in found.message
