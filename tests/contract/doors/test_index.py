"""The index of builder-sync over every make of bucket: what is learned is known, what others wrote is not."""

import asyncio

import msgspec
import pytest

from shale.builder_sync.flight import Flight
from shale.builder_sync.index import MOST_PLACES, Index
from shale.builder_sync.known import Blob, Busy, Known
from shale.contracts.about import About
from shale.contracts.artifact import File, Layer
from shale.contracts.errors import Transient
from shale.contracts.jobs import PackLayer
from shale.runtime.beat import Beat
from shale.testkit.bucket import MemoryBucket
from shale.testkit.soon import soon_asked

KEY, HOST, NOW = b"k" * 32, "registry.example", 1_800_000_000.0
LAYER = Layer("1-abc", "model.safetensors", 2**24, files=(File("model.safetensors", 2**24),))
JOB = PackLayer(About("modelversion", "team-a", "mv-1", "uid-1", 1), "1-abc~1", "", f"{HOST}/a", LAYER)
RIVAL = msgspec.structs.replace(JOB, about=About("modelversion", "team-b", "mv-2", "uid-2", 1), repo=f"{HOST}/b")
NAMED = Known("sha256:name", settled=True)
BLOB, OTHER = Blob("sha256:11", 2**24 + 1536), Blob("sha256:22", 2**24 + 1536)


@pytest.fixture
def index(bucket):
    return Index(bucket, KEY)


async def test_nothing_is_known_of_what_nobody_packed(index):
    assert await index.ask(JOB, HOST, NAMED) == NAMED


async def test_what_was_packed_is_known_to_whoever_has_files_of_that_name(index):
    await index.learn(JOB, HOST, NAMED, BLOB)
    known = await index.ask(RIVAL, HOST, NAMED)
    assert (known.blob, known.places, known.candidate) == (BLOB, (JOB.repo,), False)


async def test_its_own_repository_is_no_place_to_mount_from_and_makes_it_a_candidate(index):
    await index.learn(JOB, HOST, NAMED, BLOB)
    known = await index.ask(JOB, HOST, NAMED)
    assert (known.blob, known.places, known.candidate) == (BLOB, (), True)


async def test_at_another_registry_it_lies_nowhere(index):
    await index.learn(JOB, HOST, NAMED, BLOB)
    assert (await index.ask(RIVAL, "elsewhere.example", NAMED)).places == ()


@pytest.mark.parametrize(
    "named",
    [
        pytest.param(Known("sha256:name", settled=False), id="files that changed just now"),
        pytest.param(Known(), id="files that nothing names"),
    ],
)
async def test_of_some_files_only_the_candidate_is_learned(index, named):
    await index.learn(JOB, HOST, named, BLOB)
    known = await index.ask(JOB, HOST, NAMED)
    assert (known.blob, known.candidate) == (None, True)


async def test_what_turns_out_to_be_another_is_forgotten_and_logged(index, caplog):
    await index.learn(JOB, HOST, NAMED, BLOB)
    await index.learn(JOB, HOST, msgspec.structs.replace(NAMED, blob=BLOB), OTHER)
    assert (await index.ask(JOB, HOST, NAMED)).blob is None
    (warned,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert (warned.layer, warned.known, warned.found) == (LAYER.name, BLOB.digest, OTHER.digest)


async def test_the_places_of_a_blob_are_few_and_the_last_ones(index):
    repos = [f"{HOST}/{number}" for number in range(MOST_PLACES + 2)]
    for repo in (*repos, repos[-1]):
        await index.lies(msgspec.structs.replace(JOB, repo=repo), HOST, BLOB.digest)
    await index.learn(msgspec.structs.replace(JOB, repo=repos[-1]), HOST, NAMED, BLOB)
    assert (await index.ask(JOB, HOST, NAMED)).places == tuple(reversed(repos[2:]))


@pytest.mark.parametrize("key", [b"o" * 32, KEY], ids=["another pool's", "the same key for another name"])
async def test_what_was_planted_is_as_if_it_was_not_there_and_is_written_over(bucket, index, key):
    await index.learn(JOB, HOST, NAMED, BLOB)
    planter = Index(bucket, key)
    for name in await every_key(bucket):
        entry = await bucket.get(name)
        await bucket.update(name, planter.seal.closed("layer.other", OTHER), entry.revision)
    assert await index.ask(JOB, HOST, NAMED) == NAMED
    await index.learn(JOB, HOST, NAMED, BLOB)
    known = await index.ask(RIVAL, HOST, NAMED)
    assert (known.blob, known.places) == (BLOB, (JOB.repo,))


async def test_the_keys_tell_no_path_and_no_name(bucket, index):
    await index.learn(JOB, HOST, NAMED, BLOB)
    async with Flight(index, index.flight(HOST, NAMED), JOB, NOW).held(Beat()):
        keys = await every_key(bucket)
    assert {key.split(".")[0] for key in keys} == {"layer", "places", "candidate", "flight"}
    assert not [word for word in ("team-a", "safetensors", HOST, "11") if any(f".{word}" in key for key in keys)]


async def every_key(bucket):
    words = ("layer", "places", "candidate", "flight")
    return {entry.key for word in words for entry in (await bucket.list(word))[0]}


class Full(MemoryBucket):
    """Takes nothing more."""

    async def _write(self, key, value, ttl, *, deleted=False):
        raise Transient(f"{key}: maximum bytes exceeded ({len(value)}, {ttl}, {deleted})")


class Silent(MemoryBucket):
    """Answers nobody."""

    async def get(self, key):
        await asyncio.Event().wait()
        return await super().get(key)

    async def create(self, key, value, ttl=None):
        await asyncio.Event().wait()
        return await super().create(key, value, ttl)


class Away(MemoryBucket):
    """Is not there."""

    def _there(self, key):
        raise Transient(f"no answer about {key}")


@pytest.mark.parametrize("make", [Full, Silent, Away])
async def test_whatever_is_wrong_with_the_bucket_nothing_is_known_and_nothing_fails(make):
    index = Index(make(), KEY, patience=0.05)
    await index.learn(JOB, HOST, NAMED, BLOB)
    assert await index.ask(JOB, HOST, NAMED) == NAMED
    async with Flight(index, index.flight(HOST, NAMED), JOB, NOW).held(Beat()) as other:
        assert other is None


class TestAFlight:
    @pytest.fixture
    def flying(self, index):
        def make(job, now=NOW, ttl=30.0):
            return Flight(index, index.flight(HOST, NAMED), job, now, ttl).held(Beat())

        return make

    async def test_is_one_workers_and_the_other_learns_until_when_to_wait(self, index, flying):
        async with flying(JOB) as first:
            assert first is None
            async with flying(RIVAL) as second:
                assert isinstance(second, Busy)
                assert second.until > NOW
            assert (await index.ask(RIVAL, HOST, NAMED)).busy == second

    async def test_ends_with_the_work_however_that_ended(self, index, flying):
        async with flying(JOB):
            pass
        with pytest.raises(Transient):
            async with flying(JOB):
                raise Transient("the registry is away")
        assert (await index.ask(RIVAL, HOST, NAMED)).busy is None
        async with flying(RIVAL) as other:
            assert other is None

    async def test_is_no_obstacle_to_the_job_that_left_it_behind(self, index, flying):
        async with flying(JOB), flying(JOB) as again:
            assert again is None
            assert (await index.ask(JOB, HOST, NAMED)).busy is None

    async def test_holds_nobody_up_for_ever(self, flying):
        async with flying(JOB), flying(RIVAL) as waits:
            assert waits is not None
            async with flying(RIVAL, now=waits.until) as other:
                assert other is None

    async def test_that_another_took_over_is_not_ended_by_who_had_it(self, index, flying):
        late = flying(JOB)
        await late.__aenter__()
        async with flying(RIVAL, now=NOW + 1e9):
            await late.__aexit__(None, None, None)
            assert (await index.ask(JOB, HOST, NAMED)).busy is not None

    async def test_of_who_died_ends_by_itself(self, index, flying):
        class PowerCut(BaseException):
            pass

        with pytest.raises(PowerCut):
            async with flying(JOB, ttl=1.0):
                raise PowerCut
        await soon_asked(lambda: is_free(index))

    async def test_is_renewed_while_the_work_moves(self, bucket, index):
        beat, key = Beat(), index.flight(HOST, NAMED)

        async def is_renewed():
            beat.moved(beat.bytes_done + 1)
            entry = await bucket.get(key)
            return entry is None or entry.revision > first.revision

        async with Flight(index, key, JOB, NOW, ttl=3.0).held(beat):
            first = await bucket.get(key)
            await soon_asked(is_renewed)
            assert not await is_free(index)

    async def test_of_work_that_moves_no_more_ends_by_itself(self, flying, index):
        async with flying(JOB, ttl=1.0):
            await soon_asked(lambda: is_free(index))


async def is_free(index):
    return (await index.ask(RIVAL, HOST, NAMED)).busy is None
