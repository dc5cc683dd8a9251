"""The folder of one local installation."""

import os

import msgspec
import pytest

from shale.cli.common import Common, nats_url, registry_dir
from shale.cli.exits import CliError, Exit
from shale.cli.local.home import Home, Running, State
from shale.cli.local.services import keyed
from shale.sources.reader import keys

STATE = State("nats://127.0.0.1:1234", "/registry", "/logs", Running("up", 1, 2.5))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def test_what_is_up_is_found_again(home):
    with home.owned():
        home.write(STATE)
        assert home.state() == STATE
    assert home.state() is None, "an end in order takes it away"


def test_a_home_has_one_owner_and_the_second_one_changes_nothing(home):
    with home.owned():
        home.write(STATE)
        with pytest.raises(CliError, match="another `shale up` runs"), home.owned():
            pytest.fail("two owners")
        assert home.state() == STATE


def test_a_state_that_is_none_says_the_cure(home):
    with home.owned():
        home.state_file.write_text("{")
        with pytest.raises(CliError, match="remove it and run `shale up` again"):
            home.state()


@pytest.mark.parametrize(
    ("common", "environ", "url"),
    [
        ({"nats": "nats://a"}, {"SHALE_NATS_URL": "nats://b"}, "nats://a"),
        ({}, {"SHALE_NATS_URL": "nats://b"}, "nats://b"),
        ({}, {}, "nats://127.0.0.1:1234"),
        ({"home": "/nowhere/at/all"}, {}, "nats://127.0.0.1:4222"),
    ],
    ids=["the option first", "then the environment", "then what is up", "then the usual one"],
)
def test_nats_is_found_by(home, common, environ, url):
    with home.owned():
        home.write(STATE)
        assert nats_url(msgspec.convert({"home": str(home.path), **common}, Common), environ) == url


def test_credentials_on_the_command_line_are_refused_and_not_repeated():
    with pytest.raises(CliError) as caught:
        nats_url(Common(nats="nats://me:hush@host"), {})
    assert caught.value.code is Exit.USAGE
    assert "hush" not in str(caught.value)


def test_the_registry_outlives_the_installation(home):
    common = Common(home=str(home.path))
    assert registry_dir(common, {}) == home.registry
    with home.owned():
        home.write(STATE)
        assert str(registry_dir(common, {})) == "/registry"
        assert str(registry_dir(common, {"SHALE_LAYOUT_DIR": "/other"})) == "/other"


def test_the_home_is_the_environments_unless_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("SHALE_HOME", str(tmp_path / "there"))
    assert Common().place.path == tmp_path / "there"
    assert Common(home=str(tmp_path / "here")).place.path == tmp_path / "here"
    monkeypatch.delenv("SHALE_HOME")
    monkeypatch.chdir(tmp_path)
    assert Common().place.path == tmp_path / ".shale"


def test_a_home_that_cannot_be_made_is_named_with_the_cure(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CliError, match=r"file/home cannot be made .* --home or SHALE_HOME"),
        Home(tmp_path / "file" / "home").owned(),
    ):
        pytest.fail("made")


def test_a_home_that_cannot_be_written_to_is_named_with_the_cure(home, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(CliError, match=r"home cannot be written to: .* --home or SHALE_HOME"), home.owned():
        pytest.fail("owned")


class TestTheKey:
    def test_is_drawn_once_and_is_its_owners_alone(self, home):
        with home.owned():
            drawn = keys.read(home.key(), "SHALE_READER_KEY_FILE")
            assert keys.read(home.key(), "SHALE_READER_KEY_FILE") == drawn
        assert (home.key_file.stat().st_mode & 0o777, home.key_file.stat().st_uid) == (0o600, os.geteuid())
        assert sorted(path.name for path in home.path.iterdir() if path.is_file()) == ["key"]

    def test_is_another_ones_in_another_home(self, home, tmp_path):
        other = Home(tmp_path / "other")
        with home.owned(), other.owned():
            assert home.key().read_bytes() != other.key().read_bytes()

    def test_that_others_may_read_is_not_used(self, home):
        with home.owned():
            home.key().chmod(0o640)
            with pytest.raises(CliError, match="chmod 600"):
                home.key()

    def test_is_drawn_though_a_process_died_while_it_drew_one(self, home):
        with home.owned():
            home.key_file.with_name("key.new").write_text("half")
            assert len(keys.read(home.key(), "SHALE_READER_KEY_FILE")) == 64

    def test_of_a_person_is_preferred(self, home):
        assert keyed(home.key_file, {}) == {"SHALE_READER_KEY_FILE": str(home.key_file)}
        assert keyed(home.key_file, {"SHALE_READER_KEY_FILE": "/mine"}) == {}
