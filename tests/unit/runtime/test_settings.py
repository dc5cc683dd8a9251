from pathlib import Path

import msgspec
import pytest

from shale.runtime.settings import Login, Settings, SettingsError, read


class Needy(msgspec.Struct, frozen=True):
    """Settings with one that must be given."""

    root: str
    workers: int = 2
    insecure: bool = False
    roots: tuple[str, ...] = ()


def test_what_is_not_set_has_its_default():
    assert read(Settings, {}) == Settings()


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        pytest.param({"SHALE_NATS_URL": "nats://n:4222"}, "nats_url", "nats://n:4222", id="a string is taken as it is"),
        pytest.param({"SHALE_ACK_WAIT": "2.5"}, "ack_wait", 2.5, id="a number is read from its text"),
        pytest.param({"SHALE_HEALTH_PORT": "-1"}, "health_port", -1, id="a negative number, too"),
        pytest.param({"NATS_URL": "nats://n"}, "nats_url", Settings().nats_url, id="names of others are not ours"),
    ],
)
def test_a_setting_is_read_from_its_name(environ, field, value):
    assert getattr(read(Settings, environ), field) == value


def test_a_truth_is_read_from_its_text():
    assert read(Needy, {"SHALE_ROOT": "/w", "SHALE_INSECURE": "true"}).insecure is True


def test_all_complaints_come_together_one_line_for_each_with_name_and_value():
    with pytest.raises(SettingsError) as raised:
        read(Needy, {"SHALE_WORKERS": "many", "SHALE_INSECURE": "perhaps"})
    root, workers, insecure = str(raised.value).splitlines()
    assert root == "SHALE_ROOT is not set"
    assert workers.startswith("SHALE_WORKERS='many': ")
    assert insecure.startswith("SHALE_INSECURE='perhaps': ")


def test_a_level_that_logging_does_not_know_is_complained_of():
    with pytest.raises(SettingsError, match="SHALE_LOG_LEVEL='LOUD'"):
        read(Settings, {"SHALE_LOG_LEVEL": "LOUD"})


@pytest.mark.parametrize("text", ["p0123", "p0123\n", "p0123\r\n"])
def test_a_password_is_what_its_file_holds_without_the_end_of_its_line(tmp_path: Path, text: str):
    (tmp_path / "password").write_bytes(text.encode())
    login = read(Login, {"SHALE_NATS_USER": "watcher", "SHALE_NATS_PASSWORD_FILE": str(tmp_path / "password")})
    assert (login.nats_user, login.password()) == ("watcher", "p0123")


def test_without_a_file_there_is_no_password():
    assert read(Login, {}).password() == ""


def test_a_file_that_cannot_be_read_is_named_with_its_setting(tmp_path: Path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, why in (("none", "No such file"), ("binary", "it is no text")):
        with pytest.raises(SettingsError, match=f"SHALE_NATS_PASSWORD_FILE={tmp_path}/{name}: {why}"):
            Login("watcher", str(tmp_path / name)).password()
