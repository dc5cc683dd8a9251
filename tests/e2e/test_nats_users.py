"""The road with locked doors: each service as its own user of NATS, with the permissions that are deployed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from nats.aio.client import Client

from shale.builder_sync.index import WORDS
from shale.contracts import streams
from shale.contracts.errors import Transient
from shale.contracts.facts import Progressed, Refused
from shale.runtime.bus.connection import connected
from shale.runtime.settings import Login
from shale.testkit.guarded import GuardedHouse
from shale.testkit.visitor import Visitor, visiting

pytestmark = pytest.mark.real_nats

ACCOUNTS = Path(__file__).resolve().parents[2] / "deploy" / "base" / "nats" / "users.conf"
ABOUT = "team-a.m.0a1b2c.1"
MINE = {
    "watcher": f"shale.fact.modelversion.{ABOUT}.declared",
    "storage-provisioner": f"shale.fact.modelversion.{ABOUT}.storage-ready",
    "image-builder": f"shale.fact.modelversion.{ABOUT}.image-built",
    "builder-sync": f"shale.fact.modelversion.{ABOUT}.layer-packed.0-abc",
    "init": "$JS.API.STREAM.INFO.SHALE_FACTS",
}
"""Something that only this user may say."""
NOBODYS = (
    "$JS.API.STREAM.CREATE.MINE",
    "$JS.API.STREAM.DELETE.SHALE_FACTS",
    "$JS.API.STREAM.UPDATE.SHALE_FACTS",
    "$JS.API.STREAM.SNAPSHOT.SHALE_FACTS",
    "$JS.API.CONSUMER.DURABLE.CREATE.SHALE_FACTS.mine",
    "$JS.API.CONSUMER.CREATE.SHALE_FACTS.mine",
    "$JS.API.CONSUMER.DELETE.SHALE_JOBS.builder-sync",
    "$JS.API.STREAM.PURGE.SHALE_HISTORY",
    "$JS.API.META.LEADER.STEPDOWN",
    "$SYS.REQ.SERVER.PING",
    "shale.fact.modelversion.team-a.m.0a1b2c.1.refused.somebody-else",
    "shale.now.modelversion.team-a.m.0a1b2c.1.progressed.somebody-else",
    "_INBOX.cli.abc",
)
WATCHERS = (
    "shale.gone.0a1b2c",
    "$JS.API.STREAM.PURGE.SHALE_FACTS",
    "$JS.API.STREAM.MSG.DELETE.SHALE_FACTS",
    "$JS.API.STREAM.PURGE.SHALE_NOW",
    "$KV.shale-objects.modelversion.team-a.m",
)
MAKES_STREAMS = {
    "$JS.API.STREAM.CREATE.MINE",
    "$JS.API.STREAM.UPDATE.SHALE_FACTS",
    "$JS.API.CONSUMER.CREATE.SHALE_FACTS.mine",
}
NEVER = "no.word.of.ours"
OTHERS_EARS = ("shale.>", ">", "$SYS.>", "_INBOX.>", "_INBOX.cli.>", "$JS.API.>", "shale.job.>")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedHouse]:
    with GuardedHouse(tmp_path_factory.mktemp("guarded"), ACCOUNTS) as running:
        yield running


@pytest.fixture
async def visitor(house: GuardedHouse) -> AsyncGenerator[Visitor]:
    async with visiting(house) as one:
        yield one


class Person:
    """One user's connection, and what the server refuses it."""

    def __init__(self) -> None:
        self.client = Client()
        self._refused: asyncio.Queue[str] = asyncio.Queue()

    async def complain(self, error: Exception) -> None:
        await self._refused.put(str(error).lower())

    async def may_say(self, subject: str) -> bool:
        await self.client.publish(subject, b"{}")
        return await self._unrefused(subject)

    async def may_hear(self, subject: str) -> bool:
        sub = await self.client.subscribe(subject)
        allowed = await self._unrefused(subject)
        if allowed:
            await sub.unsubscribe()
        return allowed

    async def _unrefused(self, subject: str) -> bool:
        """Say what nobody may: the server refuses in order, so what comes before that refusal is all there is."""
        await self.client.publish(NEVER, b"")
        refused: list[str] = []
        while not any(NEVER in one for one in refused):
            refused.append(await asyncio.wait_for(self._refused.get(), 60))
        return not any(f'"{subject.lower()}"' in one for one in refused)


@pytest.fixture
async def become(house: GuardedHouse):
    """What returns the connection of one user."""
    async with AsyncExitStack() as stack:

        async def be(user: str) -> Person:
            person, login = Person(), house.login(user)
            await person.client.connect(
                house.server.url, user=user, password=login.password(), error_cb=person.complain, allow_reconnect=False
            )
            stack.push_async_callback(person.client.close)
            return person

        yield be


def violations(house: GuardedHouse) -> list[str]:
    """Return what the server refused the services: they try nothing that they may not do."""
    lines = [json.dumps(line) for process in house.processes for line in process.records()]
    return [line for line in lines if "violation" in line.lower()]


async def test_every_service_walks_the_road_to_ready_and_back_as_its_own_user(
    house: GuardedHouse, visitor: Visitor
) -> None:
    folder = house.models / "locked"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    uid = (await visitor.apply("locked")).metadata.uid
    await visitor.reaches("locked")
    await visitor.delete("locked")
    await visitor.vanishes("locked")

    async def purged() -> bool:
        return all(said.is_gone for said in await visitor.facts(uid))

    await visitor.until("all purged but its end", purged)
    assert violations(house) == []


async def test_a_service_waits_refuses_and_buries_in_its_own_name(house: GuardedHouse, visitor: Visitor) -> None:
    uid = (await visitor.apply("late", imageRepo="models/late", imageTag="v1")).metadata.uid
    await visitor.hears(Progressed, uid, state="Stalled")
    for name in ("late", "later"):
        (house.models / name).mkdir()
        (house.models / name / "config.json").write_text(f'{{"name": "{name}"}}')
    await visitor.reaches("late")
    later = (await visitor.apply("later", imageRepo="models/late", imageTag="v1")).metadata.uid
    await visitor.reaches("later", "Failed")
    assert [said.part for said in visitor.all_heard(Refused, later)] == ["image-builder"]
    said = f"shale.fact.modelversion.team-a.late.{uid}.1.scanned.garbage"
    await visitor.bus.publish(said, b"no message of ours")

    async def gone() -> bool:
        return any(one.subject.startswith("shale.dead.") for one in visitor.heard) and not await visitor.left(
            streams.FACTS, said
        )

    await visitor.until("the garbage buried, and taken away by the watcher", gone)
    assert violations(house) == []


def test_shale_init_is_a_user_too_and_writes_nothing_where_it_runs(house: GuardedHouse, tmp_path: Path):
    login = house.login("init")
    bare = tmp_path / "bare"
    bare.mkdir(mode=0o555)
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith("SHALE_")},
        "HOME": "/nonexistent",
        "SHALE_NATS_URL": house.server.url,
        "SHALE_NATS_USER": login.nats_user,
        "SHALE_NATS_PASSWORD_FILE": login.nats_password_file,
    }
    shale = Path(sys.executable).parent / "shale"
    command = [shale, "init", "--replicas", "1"]
    ran = subprocess.run(command, env=environ, cwd=bare, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert list(bare.iterdir()) == []


@pytest.mark.parametrize("user", MINE)
async def test_a_user_may_say_its_own_words_and_nobody_elses(become, user: str):
    person = await become(user)
    assert await person.may_say(MINE[user])
    foreign = [subject for other, subject in MINE.items() if other not in {user, "init"}]  # who reads facts counts them
    tried = [*foreign, *NOBODYS, *(() if user == "watcher" else WATCHERS)]
    allowed = {subject for subject in tried if await person.may_say(subject)}
    assert allowed == (MAKES_STREAMS if user == "init" else set())


@pytest.mark.parametrize("user", MINE)
async def test_a_user_hears_its_own_answers_and_nobody_elses(become, user: str):
    person = await become(user)
    ears = [ear for ear in OTHERS_EARS if not (user == "init" and ear == "_INBOX.cli.>")]
    assert [ear for ear in ears if await person.may_hear(ear)] == []


async def test_only_the_watcher_purges(become):
    watcher = await become("watcher")
    assert [subject for subject in WATCHERS if not await watcher.may_say(subject)] == []


async def test_a_packer_writes_its_uploads_and_no_claim_or_lease(become):
    packer = await become("builder-sync")
    assert await packer.may_say("$KV.shale-claim.upload.abc")
    assert [key for key in ("tag.abc.def", "lease.watcher") if await packer.may_say(f"$KV.shale-claim.{key}")] == []


async def test_a_packer_alone_reads_and_writes_what_is_known_by_content(become):
    for user in ("builder-sync", "image-builder", "storage-provisioner", "watcher"):
        person = await become(user)
        said = [f"$KV.{streams.INDEX.name}.{word}.abc" for word in WORDS]
        asked = f"$JS.API.STREAM.MSG.GET.KV_{streams.INDEX.name}"
        allowed = [one for one in (*said, asked) if await person.may_say(one)]
        assert allowed == ([*said, asked] if user == "builder-sync" else []), user


async def test_an_operator_does_all_that_is_shales_and_nothing_that_is_the_servers(become):
    operator = await become("operator")
    assert await operator.may_hear("shale.>")
    assert not await operator.may_say("$SYS.REQ.SERVER.PING")
    assert not await operator.may_hear("$SYS.>")


async def test_who_is_no_user_is_told_so(house: GuardedHouse):
    """Nobody in particular; a user without its password; the server's own account, which has no user."""

    async def told(login: Login) -> str:
        with pytest.raises(Transient) as refused:
            async with connected(house.server.url, "watcher", fatal=False, login=login):
                pass
        return str(refused.value).lower()

    answers = await asyncio.gather(*map(told, (Login(), Login("watcher"), Login("SYS"))))
    assert [answer for answer in answers if "authorization" not in answer] == []
