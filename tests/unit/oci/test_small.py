import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shale.oci import small
from shale.oci.tarball import Entry

AN_ENTRY = st.builds(
    Entry,
    path=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
    kind=st.sampled_from(("file", "directory")),
    size=st.integers(0, 100),
)
ENTRIES = st.lists(AN_ENTRY, unique_by=lambda entry: entry.path, max_size=20)
CONFIG = Entry("config.json", size=12, mode=0o644, version="1:2:3")


@given(ENTRIES, st.randoms())
def test_the_digest_does_not_know_in_which_order_things_were_found(entries, random):
    shuffled = random.sample(entries, len(entries))
    assert small.small_digest(entries) == small.small_digest(shuffled)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({"path": "config.jso"}, False, id="another path is another digest"),
        pytest.param({"size": 13}, False, id="another size is another digest"),
        pytest.param({"mode": 0o755}, False, id="another mode is another digest"),
        pytest.param({"kind": "directory"}, False, id="a folder is not an empty file"),
        pytest.param({"kind": "symlink", "link": "x"}, False, id="a link is not a file"),
        pytest.param({"link": ""}, False, id="an empty link is not no link"),
        pytest.param(
            {"version": "4:5:6"}, True, id="when it was written does not matter: another host has another inode"
        ),
    ],
)
def test_the_digest_knows_what_lies_there(change, same):
    changed = msgspec.structs.replace(CONFIG, **change)
    assert (small.small_digest([CONFIG]) == small.small_digest([changed])) is same


def test_two_paths_are_never_taken_for_one():
    one = [Entry('a","file",0'), Entry("b")]
    other = [Entry("a"), Entry('","file",0b')]
    assert small.small_digest(one) != small.small_digest(other)


@given(ENTRIES, st.integers(1, 150))
def test_runs_hold_everything_once_in_path_order_and_within_their_bound(entries, bound):
    runs = small.runs(entries, bound)
    held = [entry for run in runs for entry in small.within(tuple(entries), run)]
    assert held == sorted(entries, key=lambda entry: entry.path)
    assert sum(run.count for run in runs) == len(entries)
    assert all(run.size <= bound or run.count == 1 for run in runs)
    for run in runs:
        assert run.digest == small.small_digest(small.within(tuple(entries), run))
        assert run.size == sum(entry.size for entry in small.within(tuple(entries), run))


def test_a_run_is_cut_where_the_next_file_would_not_fit():
    runs = small.runs([Entry("a", size=6), Entry("b", size=4), Entry("c", size=1)], max_bytes=10)
    assert [(run.first, run.last, run.count, run.size) for run in runs] == [("a", "b", 2, 10), ("c", "c", 1, 1)]


def test_nothing_makes_no_run():
    assert small.runs([]) == ()
