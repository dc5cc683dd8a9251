"""The desk: what strangers say stops nobody. It is skipped, counted, or buried; and no tenant waits for another."""

import msgspec
import pytest

from shale.contracts import streams, subjects
from shale.contracts.envelope import wrap
from shale.contracts.facts import Gone, StorageReady
from shale.testkit.office import CARD, Letter, Office, a_while
from shale.testkit.toys import ABOUT, declared

DEEP = b"[" * 100_000 + b"]" * 100_000
READY = StorageReady(ABOUT, "u")
TICKS, FACTS, JOBS, NOW = streams.TICKS.name, streams.FACTS.name, streams.JOBS.name, streams.NOW.name
TICK = subjects.of_tick(CARD.name, ABOUT)


def about(**fields):
    return msgspec.structs.replace(ABOUT, **fields)


def tick(data: bytes, subject: str = TICK) -> Letter:
    return Letter(TICKS, subject, data)


def encoded(**fields) -> bytes:
    return msgspec.json.encode(about(**fields))


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.plane.say(declared())
    return office


ODD = {
    "a fact that is no JSON": Letter(FACTS, subjects.of_fact(READY), b"{"),
    "a fact that is nested too deeply": Letter(FACTS, subjects.of_fact(READY), DEEP),
    "a fact about another object than its subject": Letter(
        FACTS, subjects.of_fact(READY), wrap(StorageReady(about(uid="uid-2"), "u"), "x", 0)
    ),
    "an end of something whose name is a filter": Letter(
        FACTS, subjects.of_gone("u"), wrap(Gone(about(uid="u")), "x", 0).replace(b'"mv-1"', b'">"')
    ),
    "a job that is a fact": Letter(JOBS, subjects.of_fact(READY), wrap(READY, "x", 0)),
    "a job on a subject of another shape": Letter(JOBS, "shale.job.pack-layer.team-a.u.1.too.many", b"{}"),
    "a reading that is nested too deeply": Letter(NOW, "shale.now.x", DEEP),
    "a tick that is no JSON": tick(b"wake up"),
    "a tick that is nested too deeply": tick(DEEP),
    "a tick that is nested too deeply inside": tick(encoded()[:-1] + b',"more":' + DEEP + b"}"),
    "a tick for a uid that is none": tick(encoded(uid="a b")),
    "a tick for a uid that is a filter": tick(encoded(uid=">"), "shale.tick.builder.>.1"),
    "a tick for another object than its subject": tick(encoded(uid="uid-2")),
    "a tick for a name that is a filter": tick(encoded(name="*")),
    "a tick for a generation that cannot be": tick(encoded(generation=-1), "shale.tick.builder.uid-1.-1"),
    "a tick for nobody": tick(b"{}"),
}


@pytest.mark.parametrize("letter", ODD.values(), ids=ODD)
async def test_what_is_odd_is_buried_and_wakes_nobody(office, letter):
    good = await office.fact(READY)
    await office.put(letter, good)
    assert letter.answers == ["term"]
    assert office.post.sent[0][0].startswith("shale.dead.")
    assert [trigger.about for trigger in office.service.woken] == [ABOUT], "what is beside it is settled as ever"
    await office.finish()


class Strange(Letter):
    """A message of which nothing can be known."""

    @property
    def data(self):
        raise KeyError("data")

    @data.setter
    def data(self, _):
        pass


async def test_a_message_that_breaks_its_reader_ends_no_process(office):
    await office.put(Strange(FACTS, subjects.of_fact(READY), b""), await office.fact(READY))
    assert len(office.service.woken) == 1
    await office.finish()


async def test_what_is_skipped_is_seen(office, caplog):
    newer = wrap(READY, "test", 0).replace(b"storage-ready", b"storage-moved")
    letters = [Letter(FACTS, subjects.of_fact(READY), newer), Letter(FACTS, subjects.of_fact(READY), b"{")]
    await office.put(*letters)
    assert [letter.answers for letter in letters] == [["ack"], ["term"]]
    assert {"unknown type", "undecodable"} <= {record.getMessage() for record in caplog.records}


# --- no tenant waits for another


def of(namespace: str, number: int) -> Letter:
    mine = about(namespace=namespace, name=f"v-{number}", uid=f"{namespace}-{number}")
    return Letter(TICKS, subjects.of_tick(CARD.name, mine), msgspec.json.encode(mine))


async def test_namespaces_take_turns_however_much_one_of_them_asks(office):
    for letter in [*(of("big", number) for number in range(20)), of("small", 1), of("tiny", 1)]:
        await office.plane.say(declared(msgspec.json.decode(letter.data, type=type(ABOUT))))
        await office.put(letter)
    assert [trigger.about.namespace for trigger in office.service.woken] == ["big"] * CARD.concurrency
    office.service.let_go.set()
    await a_while()
    order = [trigger.about.namespace for trigger in office.service.woken][CARD.concurrency :]
    assert set(order[:3]) == {"big", "small", "tiny"}, order
    assert order.count("big") == 20 - CARD.concurrency
    names = [trigger.about.name for trigger in office.service.woken if trigger.about.namespace == "big"]
    assert names == [f"v-{number}" for number in range(20)], "within one of them who waits longest comes first"
