import asyncio

import pytest

from shale.contracts.about import About
from shale.contracts.errors import Transient
from shale.image_builder import claims as module
from shale.image_builder.bucket import TRIES
from shale.image_builder.claims import Claim, Claims
from shale.testkit.bucket import MemoryBucket

REPO = "registry.example/models/resnet"
OURS = About("modelversion", "team-a", "mv-1", "uid-1", 1)
OTHER = About("modelversion", "team-b", "mv-9", "uid-9", 1)
MINE = Claim("uid-1", "team-a", "mv-1")


class Busy(MemoryBucket):
    """A bucket where somebody else is always faster."""

    async def create(self, key, value, ttl=None):
        del key, value, ttl

    async def update(self, key, value, revision, ttl=None):
        del key, value, revision, ttl

    async def delete(self, key, revision, ttl=None):
        del key, revision, ttl
        return False


class Overtaken(MemoryBucket):
    """A bucket in which another process writes the same claim just before the first `times` writes."""

    def __init__(self, times=1):
        super().__init__()
        self.times = times

    async def _meet(self, key):
        if self.times and (there := await self.get(key)) is not None:
            self.times -= 1
            await super().update(key, there.value, there.revision)

    async def update(self, key, value, revision, ttl=None):
        await self._meet(key)
        return await super().update(key, value, revision, ttl)

    async def delete(self, key, revision, ttl=None):
        await self._meet(key)
        return await super().delete(key, revision, ttl)


@pytest.fixture
def claims():
    return Claims(MemoryBucket())


async def test_a_free_tag_is_ours(claims):
    assert await claims.take(REPO, "v1", OURS) == MINE
    assert (await claims.find(REPO, "v1"))[0] == MINE


async def test_our_own_tag_is_ours_again(claims):
    await claims.take(REPO, "v1", OURS)
    assert await claims.take(REPO, "v1", OURS.at(2)) == MINE


async def test_the_second_is_told_whose_it_is(claims):
    await claims.take(REPO, "v1", OURS)
    assert await claims.take(REPO, "v1", OTHER) == MINE


async def test_of_two_at_once_one_has_it_and_both_know_it(claims):
    first, second = await asyncio.gather(claims.take(REPO, "v1", OURS), claims.take(REPO, "v1", OTHER))
    assert first == second


async def test_tags_and_repositories_are_apart(claims):
    await claims.take(REPO, "v1", OURS)
    assert (await claims.take(REPO, "v2", OTHER)).uid == OTHER.uid
    assert (await claims.take(f"{REPO}-2", "v1", OTHER)).uid == OTHER.uid


async def test_what_will_be_written_is_noted_in_one_order(claims):
    await claims.take(REPO, "v1", OURS)
    assert await claims.will_name(REPO, "v1", OURS, {"v1": "sha256:b"}, ("sha256:a", "sha256:b"))
    assert (await claims.find(REPO, "v1"))[0].wrote == ("sha256:a", "sha256:b")
    assert (await claims.find(REPO, "v1"))[0].names == {"v1": "sha256:b"}


async def test_the_same_again_writes_nothing(claims):
    await claims.take(REPO, "v1", OURS)
    await claims.will_name(REPO, "v1", OURS, {"v1": "sha256:a"}, ())
    _, before = await claims.find(REPO, "v1")
    assert await claims.will_name(REPO, "v1", OURS, {"v1": "sha256:a"}, ())
    assert (await claims.find(REPO, "v1"))[1] == before


@pytest.mark.parametrize("owner", [None, OTHER], ids=["nobody's", "another's"])
async def test_nobody_writes_to_a_tag_that_is_not_his(claims, owner):
    if owner is not None:
        await claims.take(REPO, "v1", owner)
    assert not await claims.will_name(REPO, "v1", OURS, {"v1": "sha256:a"}, ())


async def test_who_meets_another_process_of_his_own_tries_again():
    claims = Claims(Overtaken())
    await claims.take(REPO, "v1", OURS)
    assert await claims.will_name(REPO, "v1", OURS, {"v1": "sha256:a"}, ())


async def test_giving_up_frees_the_tag(claims):
    await claims.take(REPO, "v1", OURS)
    await claims.give_up(REPO, "v1", OURS.uid)
    assert (await claims.take(REPO, "v1", OTHER)).uid == OTHER.uid


async def test_giving_up_while_another_process_writes_still_frees_it():
    claims = Claims(Overtaken())
    await claims.take(REPO, "v1", OURS)
    await claims.give_up(REPO, "v1", OURS.uid)
    assert await claims.find(REPO, "v1") == (None, 0)


async def test_giving_up_what_is_not_ours_frees_nothing(claims):
    await claims.give_up(REPO, "v1", OURS.uid)
    await claims.take(REPO, "v1", OTHER)
    await claims.give_up(REPO, "v1", OURS.uid)
    assert (await claims.find(REPO, "v1"))[0].uid == OTHER.uid


@pytest.mark.parametrize(
    "write",
    [
        lambda claims: claims.will_name(REPO, "v1", OURS, {"v1": "sha256:a"}, ()),
        lambda claims: claims.give_up(REPO, "v1", OURS.uid),
    ],
    ids=["noting", "giving up"],
)
async def test_every_contest_has_an_end(write):
    bucket = Overtaken(times=TRIES)
    await Claims(bucket).take(REPO, "v1", OURS)
    with pytest.raises(Transient, match=f"{REPO}:v1 changed {TRIES} times"):
        await write(Claims(bucket))


async def test_a_tag_that_comes_and_goes_is_left_for_later():
    with pytest.raises(Transient, match="v1 changed"):
        await Claims(Busy()).take(REPO, "v1", OURS)


async def test_a_claim_of_what_is_gone_is_free():
    bucket = MemoryBucket()

    async def gone(uid):
        return uid == OTHER.uid

    await Claims(bucket).take(REPO, "v1", OTHER)
    assert (await Claims(bucket, gone).take(REPO, "v1", OURS)).uid == OURS.uid


async def test_what_is_gone_claims_nothing_any_more():
    bucket = MemoryBucket()

    async def gone(uid):
        return uid == OURS.uid

    with pytest.raises(Transient, match="team-a/mv-1 is gone"):
        await Claims(bucket, gone).take(REPO, "v1", OURS)
    assert (await Claims(bucket).find(REPO, "v1"))[0] is None


async def test_an_end_that_comes_while_a_tag_is_claimed_frees_it():
    bucket, over = MemoryBucket(), set()

    class Slow(MemoryBucket):
        async def create(self, key, value, ttl=None):
            over.add(OURS.uid)  # told and released, before the claim is written
            return await bucket.create(key, value, ttl)

    async def gone(uid):
        return uid in over

    slow = Slow()
    slow.get, slow.delete = bucket.get, bucket.delete
    with pytest.raises(Transient, match="is gone"):
        await Claims(slow, gone).take(REPO, "v1", OURS)
    assert (await Claims(bucket).find(REPO, "v1"))[0] is None


async def test_an_older_generation_that_slept_does_not_move_the_tag_back(claims):
    await claims.take(REPO, "v1", OURS)
    assert await claims.will_name(REPO, "v1", OURS.at(2), {"v1": "sha256:b"}, ())
    with pytest.raises(Transient, match="generation 2 of team-a/mv-1 moved"):
        await claims.will_name(REPO, "v1", OURS.at(1), {"v1": "sha256:a"}, ())


async def test_what_others_name_in_a_repository_is_known_and_our_own_is_not(claims):
    for repo, tag, about, digest in [
        (REPO, "v1", OURS, "sha256:a"),
        (REPO, "v2", OTHER, "sha256:b"),
        (f"{REPO}-2", "v1", OTHER, "sha256:c"),
    ]:
        await claims.take(repo, tag, about)
        await claims.will_name(repo, tag, about, {tag: digest}, ())
    assert await claims.others(REPO, OURS.uid) == {"sha256:b"}
    await claims.give_up(REPO, "v2", OTHER.uid)
    assert await claims.others(REPO, OURS.uid) == frozenset()


async def test_more_claims_than_can_be_looked_through_are_said_to_be_too_many(claims, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    for tag in ("v1", "v2", "v3"):
        assert await claims.others(REPO, OURS.uid) is not None
        await claims.take(REPO, tag, OTHER)
    assert await claims.others(REPO, OURS.uid) is None
