"""The desk: what waits and what is worked on, with messages that keep what was answered to them."""

import msgspec
import pytest

from shale.contracts import streams, subjects
from shale.contracts.envelope import wrap
from shale.contracts.errors import Transient
from shale.contracts.facts import Gone, Held, Progressed, StorageReady, Wanted
from shale.testkit.office import CARD, Letter, Office, a_while, job
from shale.testkit.played import failing
from shale.testkit.toys import ABOUT, declared


def about(uid: str):
    return msgspec.structs.replace(ABOUT, uid=uid)


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.plane.say(declared())
    return office


# --- coalescing and order


async def test_messages_of_one_object_are_settled_together_and_all_acked(office):
    letters = [await office.fact(StorageReady(ABOUT, "u")), await office.fact(Held(ABOUT.whole(), "x"))]
    await office.put(*letters)
    await office.finish()
    assert len(office.service.woken) == 1
    assert [letter.answers for letter in letters] == [["ack"], ["ack"]]


async def test_what_is_settled_together_is_read_as_new_as_the_newest_of_it(office):
    ready = await office.fact(StorageReady(ABOUT, "u"))
    whole = await office.fact(Held(ABOUT.whole(), "x"))
    await office.put(whole, ready)
    [woken] = office.service.woken
    assert (woken.about, woken.sequence) == (ABOUT, whole.metadata.sequence.stream)
    await office.finish()


async def test_the_newest_wish_among_the_messages_is_what_is_looked_at(office):
    newer = await office.fact(declared(ABOUT.at(2)))
    await office.put(newer, await office.fact(StorageReady(ABOUT, "u")))
    assert [trigger.about.generation for trigger in office.service.woken] == [2]
    await office.finish()


async def test_a_message_that_comes_while_its_object_is_in_hand_is_settled_afterwards(office):
    first, second = await office.fact(StorageReady(ABOUT, "u")), await office.fact(Held(ABOUT.whole(), "x"))
    await office.put(first)
    await office.put(second)
    assert len(office.service.woken) == 1
    await office.finish()
    await a_while()
    assert first.answers == second.answers == ["ack"]
    assert office.service.most == 1


async def test_one_object_is_settled_serially_and_different_ones_in_parallel(office):
    for uid in ("uid-2", "uid-3"):
        await office.plane.say(declared(about(uid)))
    await office.put(*[await office.fact(StorageReady(about(uid), "u")) for uid in ("uid-1", "uid-2", "uid-3")])
    assert office.service.most == 3
    await office.finish()


async def test_jobs_of_one_object_are_worked_on_in_parallel_up_to_the_cards_hands(office):
    await office.put(*[job(f"{number}-a~1") for number in range(6)])
    assert office.service.most == CARD.concurrency
    assert office.desk.room(jobs=True) <= 0
    await office.finish()
    await a_while()
    await office.finish()
    assert len(office.service.woken) == 6


async def test_a_job_that_is_delivered_again_while_in_hand_is_not_worked_on_twice_at_once(office):
    await office.put(job("0-a~1"))
    await office.put(job("0-a~1", delivered=2))
    assert office.service.most == 1
    await office.finish()


# --- one noisy object


def noise(many: range) -> list[Letter]:
    """Readings of one object, which is in hand."""
    subject = subjects.of_fact(Progressed(ABOUT, "x", "Working"))
    return [
        Letter(streams.NOW.name, subject, wrap(Progressed(ABOUT, "x", "Working"), "test", 0), number) for number in many
    ]


async def test_an_object_of_which_much_is_told_leaves_room_for_all_others(office):
    await office.plane.say(declared(about("uid-2")))
    await office.put(await office.fact(StorageReady(ABOUT, "u")))
    wishes = [await office.fact(declared(ABOUT.at(generation))) for generation in range(2, 2002)]
    await office.put(*wishes, *noise(range(2000)))
    assert office.desk.room(jobs=False) > 0
    other = await office.fact(StorageReady(about("uid-2"), "u"))
    await office.put(other)
    assert [trigger.about.uid for trigger in office.service.woken] == ["uid-1", "uid-2"]
    assert {tuple(letter.answers) for letter in wishes[:-1]} == {("ack",)}
    assert wishes[-1].answers == [], "it stands for all the others: a crash must bring it again"
    await office.finish()
    assert wishes[-1].answers == ["ack"]


async def test_what_says_more_than_the_newest_wish_does_not_go_before_it_is_settled(office):
    await office.put(await office.fact(StorageReady(ABOUT, "u")))
    wish, whole = await office.fact(declared(ABOUT.at(2))), await office.fact(Held(ABOUT.whole(), "x"))
    await office.put(wish, whole)
    assert wish.answers == whole.answers == []
    await office.finish()
    assert wish.answers == whole.answers == ["ack"]


async def test_a_message_that_comes_again_while_it_waits_is_not_acked_by_its_own_copy(office):
    await office.put(await office.fact(StorageReady(ABOUT, "u")))
    first = await office.fact(Held(ABOUT.whole(), "x"))
    again = Letter(first.metadata.stream, first.subject, first.data, first.metadata.sequence.stream, 2)
    await office.put(first, again)
    assert first.answers == again.answers == []
    await office.finish()
    assert again.answers == ["ack"]


# --- answers


async def test_of_messages_settled_together_only_the_newest_comes_again(office):
    office.service.observe = failing(Transient("503", after=7))
    letters = [await office.fact(StorageReady(ABOUT, "u")), await office.fact(Wanted(ABOUT, "model~m", "model", "m"))]
    await office.put(*letters)
    assert [letter.answers for letter in letters] == [["ack"], ["nak 7"]]


async def test_what_is_given_up_is_a_dead_letter_before_it_is_ended(office):
    office.service.observe = failing(KeyError("x"))
    for delivered in (1, 2):
        await office.put(job("0-a~1", delivered))
        office.bus.advance(office.bus.clock + 60)
    last = job("0-a~1", 3)
    await office.put(last)
    assert last.answers == ["term"]
    [(subject, headers)] = office.post.sent
    assert subject == "shale.dead.SHALE_JOBS.1"
    assert headers["Shale-Dead-Why"] == "Bug: KeyError: 'x'"


async def test_what_a_silent_card_stumbles_over_is_buried_as_a_copy_and_comes_again(office):
    office.service.card = msgspec.structs.replace(office.service.card, says=())
    office.service.observe = failing(KeyError("x"))
    letter = await office.fact(StorageReady(ABOUT, "u"))
    letter.metadata.num_delivered = 3
    await office.put(letter)
    assert letter.answers == ["nak 60"]
    assert [headers["Shale-Dead-Why"] for _, headers in office.post.sent] == ["Bug: KeyError: 'x'"]


async def test_what_cannot_be_buried_is_not_ended_and_comes_again(office):
    office.service.observe = failing(KeyError("x"))
    for delivered in (1, 2):
        await office.put(job("0-a~1", delivered))
        office.bus.advance(office.bus.clock + 60)
    office.post.down = True
    last = job("0-a~1", 3)
    await office.put(last)
    assert last.answers == []
    assert office.desk.busy == {}


async def test_what_is_of_another_kind_is_acked_unread(office):
    other = msgspec.structs.replace(ABOUT, kind="model")
    letter = await office.fact(Gone(other))
    await office.put(letter)
    assert letter.answers == ["ack"]
    assert office.service.woken == []


@pytest.mark.parametrize("purges", [False, True])
async def test_a_fact_that_cannot_be_decoded_is_buried_by_everyone_and_deleted_by_who_purges(office, purges: bool):
    office.service.card = msgspec.structs.replace(office.service.card, purges=purges)
    subject = subjects.of_fact(StorageReady(ABOUT, "u"))
    letter = Letter(streams.FACTS.name, subject, b'{"no":"envelope"}', 7)
    await office.put(letter)
    assert letter.answers == ["term"]
    asked = [subject for subject, _ in office.post.sent]
    assert asked == ["shale.dead.SHALE_FACTS.7", *(["STREAM.MSG.DELETE.SHALE_FACTS"] if purges else [])]


async def test_what_cannot_be_decoded_nor_buried_just_now_hinders_nothing_beside_it(office):
    office.post.down = True
    bad = Letter(streams.FACTS.name, subjects.of_fact(StorageReady(ABOUT, "u")), b"{}", 7)
    good = await office.fact(StorageReady(ABOUT, "u"))
    await office.put(bad, good)
    await office.finish()
    assert (bad.answers, good.answers) == ([], ["ack"])


async def test_a_fact_of_a_newer_word_wakes_and_is_acked(office):
    newer = wrap(StorageReady(ABOUT, "u"), "test", 0).replace(b"storage-ready", b"storage-moved")
    letter = Letter(streams.FACTS.name, subjects.of_fact(StorageReady(ABOUT, "u")), newer, 1)
    await office.put(letter)
    await office.finish()
    assert letter.answers == ["ack"]


async def test_a_tick_wakes_for_its_object(office):
    letter = Letter(streams.TICKS.name, subjects.of_tick("builder", ABOUT), msgspec.json.encode(ABOUT))
    await office.put(letter)
    await office.finish()
    assert [trigger.about for trigger in office.service.woken] == [ABOUT]
