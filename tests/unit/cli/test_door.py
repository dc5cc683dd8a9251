"""The way to NATS, where the words for it are wrong; and interrupts where a script ignores them."""

import signal

import pytest

from shale.cli import door
from shale.cli.common import Common
from shale.cli.exits import CliError
from shale.contracts.errors import Transient


@pytest.mark.parametrize(
    "url",
    [
        "nats://us er:hush@[::1",
        "nats://me:hush/x@host",
        "nats://me:hush@h:99999",
        "nats://me:hush@h,nats://me:hush@[::1",
    ],
)
async def test_a_url_that_is_none_is_one_line_without_its_credentials(url, monkeypatch):
    monkeypatch.setenv("SHALE_NATS_URL", url)
    with pytest.raises((CliError, Transient)) as caught:
        async with door.bus(Common()):
            pytest.fail("connected")
    said = str(caught.value)
    assert "hush" not in said
    assert "SHALE_NATS_URL" in said


def test_an_interrupt_that_was_ignored_is_taken_again():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        door.interruptible()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
