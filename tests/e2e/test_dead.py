"""`shale dead` as a person on call uses it, on a real NATS."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from shale.contracts import streams, subjects
from shale.contracts.artifact import Layer
from shale.contracts.facts import LayerRefused, StorageReady
from shale.contracts.jobs import PackLayer
from shale.runtime.bus.connection import Bus
from shale.runtime.bus.dead import bury
from shale.runtime.bus.jetplane import JetPlane
from shale.testkit.nats import NatsServer
from shale.testkit.person import Here
from shale.testkit.toys import ABOUT, declared

pytestmark = pytest.mark.real_nats

PARTS = ("0-abc~1", "1-def~1")
READY = StorageReady(ABOUT, "file:///w")


def job(part: str) -> PackLayer:
    return PackLayer(ABOUT, part, "file:///w", "repo", Layer(part, "w", 1))


async def give_up(bus: Bus, stream: str, subject: str) -> None:
    """Give up the message that lies there, and take it away."""
    pull = await bus.stream.pull_subscribe(subject, stream=stream)  # pyright: ignore[reportUnknownMemberType]
    [message] = await pull.fetch(1, timeout=10)
    await bury(bus, message, "builder-sync", "Bug: RuntimeError: nobody foresaw this")
    await message.term()
    await bus.api(f"CONSUMER.DELETE.{stream}.{(await pull.consumer_info()).name}", {})
    await bus.api(f"STREAM.PURGE.{stream}", {"filter": subject})


@pytest.fixture
async def here(real_bus: Bus, nats_server: NatsServer, tmp_path: Path) -> Here:
    """Return a person before three dead letters: two layers' and a fact's."""
    plane = JetPlane(real_bus, "test")
    await plane.say(declared())
    for part in PARTS:
        await plane.ask(job(part))
        await give_up(real_bus, streams.JOBS.name, subjects.of_job(job(part)))
    await plane.say(READY)
    await give_up(real_bus, streams.FACTS.name, subjects.of_fact(READY))
    place = Here(tmp_path)
    place.environ["SHALE_NATS_URL"] = nats_server.url
    return place


async def shale(here: Here, *words: str) -> tuple[int, str, str]:
    """Run `shale`, in a thread: the bus of the test lives on."""
    done = await asyncio.to_thread(here.shale, *words)
    return done.returncode, done.stdout, done.stderr


async def jobs(bus: Bus) -> list[str]:
    info = await bus.api(f"STREAM.INFO.{streams.JOBS.name}", {"subjects_filter": ">"})
    return sorted(info["state"].get("subjects") or {})


async def test_dead_letters_are_listed_and_shown_with_payload_and_reason(here: Here) -> None:
    code, table, _ = await shale(here, "dead", "list")
    assert code == 0
    assert table.splitlines()[0].split() == ["ID", "AGE", "WHAT", "ABOUT", "GIVEN", "UP", "BY", "WHY"]
    assert [row.split()[0] for row in table.splitlines()[1:]] == ["1", "2", "3"]
    assert "job pack-layer 0-abc~1" in table
    assert f"modelversion {ABOUT.namespace}/{ABOUT.name} #1" in table
    assert "nobody foresaw this" in table
    code, listed, _ = await shale(here, "dead", "list", "-n", ABOUT.namespace, "-o", "json")
    assert [json.loads(line)["id"] for line in listed.splitlines()] == [1, 2, 3]
    code, shown, _ = await shale(here, "dead", "show", "1", "-o", "json")

    found = json.loads(shown)
    assert found["payload"]["data"]["part"] == PARTS[0]
    assert found["subject"] == subjects.of_job(job(PARTS[0]))
    code, shown, _ = await shale(here, "dead", "show", "3")
    assert "why:       Bug: RuntimeError: nobody foresaw this" in shown
    assert '"uri": "file:///w"' in shown


async def test_all_are_replayed_and_what_ended_otherwise_stays_and_says_so(here: Here, real_bus: Bus) -> None:
    await JetPlane(real_bus, "test").say(LayerRefused(ABOUT, PARTS[1], "SourceChanged", "w changed while it was read"))
    code, said, complained = await shale(here, "dead", "replay", "--all")
    assert code == 1
    assert said.splitlines()[0].startswith("1  asked again: the layer 'w'")
    assert "2  the layer 'w' of file:///w was refused meanwhile (SourceChanged" in said
    assert said.splitlines()[2] == f"3  said again: StorageReady of {ABOUT}"
    assert complained == "shale: 2 stays\n"
    assert await jobs(real_bus) == [subjects.of_job(job(PARTS[0]))]
    code, listed, _ = await shale(here, "dead", "list", "-o", "json")
    assert [json.loads(line)["id"] for line in listed.splitlines()] == [2]


async def test_one_is_replayed_by_its_id_and_another_is_dropped(here: Here, real_bus: Bus) -> None:
    code, said, _ = await shale(here, "dead", "replay", "1", "-o", "json")
    assert (code, json.loads(said)["went"]) == (0, True)
    code, said, _ = await shale(here, "dead", "drop", "2")
    assert (code, said.startswith("2  dropped: job pack-layer 1-def~1 of modelversion")) == (0, True)
    assert await jobs(real_bus) == [subjects.of_job(job(PARTS[0]))]
    code, _, complained = await shale(here, "dead", "replay", "1", "2")
    assert code == 1
    assert "there is no dead letter 1" in complained
    assert (await shale(here, "dead", "drop", "--all"))[0] == 0
    assert (await shale(here, "dead", "list"))[1:] == ("", "no dead letters\n")


async def test_dead_letters_about_an_object_are_part_of_its_description(here: Here) -> None:
    code, text, complained = await shale(here, "describe", f"mv/{ABOUT.name}", "-n", ABOUT.namespace)
    assert code == 0, complained
    letters = text.partition("Dead letters:")[2].partition("Timeline:")[0]
    assert [row.split()[0] for row in letters.split("\n") if row.strip()] == ["1", "2", "3"]
    assert "by builder-sync: Bug: RuntimeError: nobody foresaw this" in letters


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("replay",), id="nothing named"),
        pytest.param(("drop", "1", "--all"), id="one, and all"),
        pytest.param(("show", "--all"), id="all shown"),
        pytest.param(("show", "first"), id="no number"),
        pytest.param(("list", "1"), id="a list of one"),
        pytest.param(("bury", "1"), id="another action"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = Here(tmp_path).shale("dead", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
