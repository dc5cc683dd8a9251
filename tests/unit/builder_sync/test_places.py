"""Where uploads stand: noted by who sends, taken by one who comes next, and never a reason to fail."""

import asyncio

import msgspec
import pytest

from shale.builder_sync.places import PREFIX, Keeper, Mark, keyed
from shale.builder_sync.seal import Seal
from shale.contracts.about import About
from shale.contracts.artifact import Layer
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.oci.tarball import Entry
from shale.testkit.bucket import MemoryBucket

ABOUT = About("modelversion", "team-a", "mv-1", "uid-1", 1)
JOB = PackLayer(ABOUT, "1-abc~1", "file:///models/x", "registry.example/models/x", Layer("1-abc", "x", 0))
FILE, KEY = Entry("x", size=5, version="1"), f"{PREFIX}.x"


class Sent:
    """An upload that stands where it is told."""

    def __init__(self, at=""):
        self.at, self.kept = at, False

    def place(self):
        return self.at

    def keep(self):
        self.kept = True
        return self.at


@pytest.fixture
def bucket():
    return MemoryBucket(lambda: 0.0)


def keeper(bucket, wanted=True):
    return Keeper(Mark(bucket, KEY), asyncio.get_running_loop(), lambda: wanted)


async def held(bucket):
    entry = await bucket.get(KEY)
    return msgspec.json.decode(entry.value)["place"] if entry else ""


def test_a_key_is_of_one_repository_one_object_one_part_and_these_files():
    other = msgspec.structs.replace
    jobs = [
        JOB,
        other(JOB, repo="registry.example/models/y"),
        other(JOB, about=other(ABOUT, uid="uid-2")),
        other(JOB, part="2-abc~1"),
        other(JOB, uri="file:///models/y"),
    ]
    held = [
        (),
        (FILE, FILE),
        *((other(FILE, **change),) for change in ({"version": "2"}, {"size": 6}, {"path": "y"}, {"mode": 0o755})),
    ]
    keys = [keyed(job, (FILE,)) for job in jobs] + [keyed(JOB, entries) for entries in held]
    assert len(set(keys)) == len(keys)
    assert keyed(other(JOB, part="1-abc~2"), (FILE,)) == keyed(JOB, (FILE,))
    assert keyed(other(JOB, about=other(ABOUT, generation=2)), (FILE,)) == keyed(JOB, (FILE,))
    assert all(key.startswith("upload.") and "registry" not in key for key in keys)


async def test_a_place_that_the_pool_did_not_sign_is_none(bucket):
    mine, theirs = Seal(b"k" * 32), Seal(b"x" * 32)
    left = {None: "", theirs: "", mine: "at 5"}
    for seal, wanted in left.items():
        assert await Mark(bucket, KEY, seal).note("at 5")
        assert await Mark(bucket, KEY, mine).take() == wanted
        entry = await bucket.get(KEY)
        await bucket.delete(KEY, entry.revision)


async def test_what_one_worker_left_another_takes(bucket):
    one, other = keeper(bucket), keeper(bucket)
    assert await asyncio.to_thread(one.take) == ""
    sent = Sent("at 5")
    await asyncio.to_thread(one.leave, sent, stopped=True)
    assert sent.kept
    assert await asyncio.to_thread(other.take) == "at 5"


async def test_a_part_is_noted_and_the_work_does_not_wait_for_it(bucket):
    one = keeper(bucket)
    one.moved(Sent("at 5"))  # in the loop's own thread: who waited here would wait for ever
    await asyncio.to_thread(one._settle)  # noqa: SLF001 (until the note is written)
    assert await held(bucket) == "at 5"


async def test_who_lost_the_place_notes_nothing_and_leaves_the_upload_alone(bucket):
    one, other = keeper(bucket), keeper(bucket)
    await asyncio.to_thread(one.leave, Sent("at 5"), stopped=True)
    await asyncio.to_thread(other.take)
    late = Sent("at 10")
    await asyncio.to_thread(one.leave, late, stopped=False)
    assert (await held(bucket), late.kept) == ("at 5", True)


async def test_of_two_who_come_next_one_takes_it(bucket):
    await asyncio.to_thread(keeper(bucket).leave, Sent("at 5"), stopped=True)
    found = await asyncio.gather(*(asyncio.to_thread(keeper(bucket).take) for _ in range(2)))
    assert set(found) <= {"at 5", ""}
    assert "at 5" in found


@pytest.mark.parametrize(
    ("at", "wanted", "stopped", "kept"),
    [
        pytest.param("at 9", True, False, True, id="it went on and failed for now"),
        pytest.param("at 5", True, True, True, id="it was stopped before it went on"),
        pytest.param("at 5", True, False, False, id="it failed where it was taken up"),
        pytest.param("at 9", False, True, False, id="nobody wants it any more"),
        pytest.param("", True, False, False, id="it is of no use"),
    ],
)
async def test_what_is_left_is_kept_where_somebody_can_go_on(bucket, at, wanted, stopped, kept):
    await asyncio.to_thread(keeper(bucket).leave, Sent("at 5"), stopped=True)
    one, sent = keeper(bucket, wanted), Sent(at)
    await asyncio.to_thread(one.take)
    await asyncio.to_thread(one.leave, sent, stopped=stopped)
    assert (sent.kept, await held(bucket)) == (kept, at if kept else "")


async def test_a_word_whose_answer_was_lost_is_known_again():
    class Deaf(MemoryBucket):
        deaf = True

        async def create(self, key, value, ttl=None):
            written = await super().create(key, value, ttl)
            if self.deaf:
                self.deaf = False
                raise Transient("no answer")
            return written

    deaf = Deaf(lambda: 0.0)
    one = keeper(deaf)
    one.moved(Sent("at 5"))
    await asyncio.to_thread(one.leave, Sent("at 10"), stopped=True)
    assert await held(deaf) == "at 10"


async def test_a_bucket_that_does_not_answer_fails_nothing():
    class Away(MemoryBucket):
        async def get(self, key):
            raise Transient(f"no answer about {key}")

        async def create(self, key, value, ttl=None):
            raise Transient(f"no answer about {key}, {len(value)} bytes, {ttl}")

    one, sent = keeper(Away()), Sent("at 5")
    assert await asyncio.to_thread(one.take) == ""
    one.moved(sent)
    await asyncio.to_thread(one.leave, sent, stopped=False)
    assert sent.kept
    await asyncio.to_thread(one.forget)
