"""Processes of a local installation: started, kept, ended; and the words by which they are told what they need."""

import asyncio
import os
import signal
import socket
import sys

import pytest

from shale.cli.exits import CliError
from shale.cli.local import keeper, process, server, services
from shale.cli.local.home import Home
from shale.cli.local.keeper import Kept, how, kept
from shale.cli.local.process import Program
from shale.runtime import telemetry
from shale.runtime.bus import desk, intake

FOREVER = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
)


def program(tmp_path, code, name="it"):
    return Program(name, (sys.executable, "-c", code), dict(os.environ), tmp_path / f"{name}.log")


async def until(true, within=60.0):
    async with asyncio.timeout(within):
        while True:
            if true():
                return
            await asyncio.sleep(0.02)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_process_is_ended_when_it_is_asked(tmp_path):
    one = await process.start(program(tmp_path, FOREVER))
    await until(lambda: "up" in one.written())
    assert await one.end()
    assert await one.wait() == -signal.SIGTERM


async def test_a_process_that_does_not_listen_is_made_to_end(tmp_path):
    one = await process.start(program(tmp_path, STUBBORN))
    await until(lambda: "up" in one.written())
    assert not await one.end(grace=0.2)
    assert not alive(one.running.pid)


async def test_a_log_is_gone_on_with_and_each_run_knows_its_own_lines(tmp_path):
    first = await process.start(program(tmp_path, "print('one')"))
    await first.wait()
    second = await process.start(program(tmp_path, "print('two')"))
    await second.wait()
    assert (tmp_path / "it.log").read_text() == "one\ntwo\n"
    assert second.written() == "two\n"


async def test_who_ends_by_itself_is_started_again_later_each_time_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "FIRST", 0.05)
    said, changed = [], []
    one = Kept(program(tmp_path, "raise SystemExit(3)"), said.append, first=0.02)
    await one.start()
    keeping = asyncio.ensure_future(one.keep(lambda: changed.append(1)))
    await until(lambda: one.restarts >= 2)
    await one.end()
    await keeping
    assert said[0].startswith("it ended (exit code 3): again in 0.02 s; its log is ")
    assert "again in 0.04 s" in said[1]
    assert len(changed) == one.restarts


async def test_all_are_ended_together_whatever_is_raised(tmp_path):
    pids: list[int] = []

    async def fail():
        async with kept([program(tmp_path, FOREVER, name) for name in ("a", "b")], print) as held:
            pids.extend(one.process.running.pid for one in held)
            raise CliError("no")

    with pytest.raises(CliError, match="no"):
        await fail()
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-9, "killed by SIGKILL"),
        (-64, "killed by SIGRTMAX"),
        (-99, "killed by signal 99"),
    ],
)
def test_an_end_has_its_words(code, said):
    assert how(code) == said


def test_a_port_that_is_taken_is_refused_when_it_was_asked_for():
    with socket.socket() as listener:
        listener.bind((server.HOST, 0))
        listener.listen()
        with pytest.raises(CliError, match="is taken"):
            server.choose_port(listener.getsockname()[1])


def test_a_port_that_is_free_is_taken_as_it_was_asked_for():
    port = server.any_port()
    assert server.choose_port(port) == port


def test_the_server_listens_on_the_loopback_and_stores_in_the_home(tmp_path):
    home = Home(tmp_path)
    command = server.program(home, 4222, 8222).command
    assert command[1:] == (
        "--addr",
        "127.0.0.1",
        "--port",
        "4222",
        "--http_port",
        "8222",
        "--jetstream",
        "--store_dir",
        str(tmp_path / "jetstream"),
    )


def test_without_a_server_the_cure_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CliError, match="shale-cli"):
        server.binary()


def test_a_service_that_runs_twice_has_two_names(tmp_path):
    names = ("builder-sync", "builder-sync", "watcher")
    made = services.programs(Home(tmp_path), names, {})
    assert [one.name for one in made] == ["builder-sync-1", "builder-sync-2", "watcher"]
    assert [one.command[-1] for one in made] == list(names)
    assert len({one.log for one in made}) == 3


def test_a_service_is_told_what_it_needs_and_nothing_that_two_may_not_share(tmp_path):
    given = {"PATH": "/bin", "SHALE_INSTANCE": "me", "SHALE_HEALTH_PORT": "1", "SHALE_LOG_LEVEL": "DEBUG"}
    assert services.environ(services.told("nats://x", tmp_path, "/models=/m"), given) == {
        "PATH": "/bin",
        "SHALE_LOG_LEVEL": "DEBUG",
        "SHALE_NATS_URL": "nats://x",
        "SHALE_LAYOUT_DIR": str(tmp_path),
        "SHALE_ROOTS": "/models=/m",
    }


def test_roots_that_are_not_said_stay_what_the_environment_says(tmp_path):
    assert services.environ(services.told("x", tmp_path, ""), {"SHALE_ROOTS": "/data"})["SHALE_ROOTS"] == "/data"


def test_folders_to_read_are_made_absolute(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    monkeypatch.chdir(tmp_path)
    assert services.roots(["/models=m", "m"]) == f"/models={tmp_path}/m,{tmp_path}/m"


@pytest.mark.parametrize(
    ("text", "said"),
    [("models=.", "does not begin with '/'"), ("/models=nowhere", "is no folder"), ("/a,b=.", "cannot be part of it")],
)
def test_a_folder_that_cannot_be_read_from_is_the_callers_mistake(text, said):
    with pytest.raises(CliError, match=said):
        services.roots([text])


async def test_a_service_says_in_its_log_where_it_answers(tmp_path):
    lines = 'no json\n{"what": "up", "pid": 1, "health_port": 1}\n[]\n'
    said = "dict(what='up', pid=os.getpid(), health_port=4711)"
    code = f"import os, json; print({lines!r}, end=''); print(json.dumps({said}))"
    one = await process.start(program(tmp_path, code))
    await one.wait()
    assert services.health_port(one) == 4711


async def test_a_service_that_ends_before_it_is_ready_is_told_with_its_last_words(tmp_path):
    async with kept([program(tmp_path, "raise SystemExit('no settings')")], print) as held:
        with pytest.raises(CliError, match="it ended before it was ready: no settings"):
            await services.ready(held)


def test_a_service_has_handed_over_before_it_would_be_killed():
    assert services.draining() == {"SHALE_DRAIN_SECONDS": "2"}
    assert intake.FETCH + services.DRAIN + desk.LAST_WORDS + telemetry.LAST_TRACES < process.GRACE


def test_port_0_is_any_that_is_free():
    assert 0 < server.choose_port(0) < 65536


async def test_nobody_listens_at_a_name_that_none_can_be():
    assert not await server.listens("a" * 70, 4222)
