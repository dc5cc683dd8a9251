"""One connection to NATS, set up as its sharp edges ask (events.md, "nats-py rules": each was reproduced)."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js import errors as js_errors
from nats.js.api import PubAck

from shale.contracts.errors import Transient
from shale.runtime.settings import Login

TIMEOUT = 5.0
FENCE = "Nats-Expected-Last-Subject-Sequence"
FENCE_SUBJECT = f"{FENCE}-Subject"
TTL = "Nats-TTL"
HEARD = "Shale-Heard"
"""On a tick: the sequence of the fact of another object that it stands for."""

WRONG_LAST_SEQUENCE = 10071
STORE_FAILED = 10077
NO_MESSAGE = 10037
"""The API's "no message found"; its code 404 says as much of a stream that is not there."""

NOBODY = Login()

log = logging.getLogger("shale.bus")


def heed_cancel() -> None:
    """Raise the cancellation that nats-py swallowed: its waits may answer it by a time-out, or by a message.

    Seen on Python 3.11 after SIGSTOP, when the cancellation meets a time-out that is due, or an answer that just came
    (`asyncio.wait_for` returns it then): the one who was cancelled went on for ever, and a watcher with it. To be
    called after every wait of nats-py that is survived, whether it went well or not.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Bus:
    """A connection and its JetStream context.

    Acked publishes and API requests, with foreign errors turned into ours.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.stream: JetStreamContext = client.jetstream(timeout=TIMEOUT)  # pyright: ignore[reportUnknownMemberType]

    @property
    def is_connected(self) -> bool:
        """Whether the server is there just now."""
        return self.client.is_connected

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> PubAck | None:
        """Publish and wait for the stream's word; None when its fence or its limit per subject refused.

        Raises Transient.
        """
        try:
            ack = await self.stream.publish(subject, payload, timeout=TIMEOUT, headers=headers)
        except js_errors.APIError as error:
            heed_cancel()
            if _is_refusal(error):
                return None
            raise Transient(f"publishing {subject}: {error}") from error
        except (TimeoutError, nats.errors.Error) as error:
            heed_cancel()
            raise Transient(f"publishing {subject}: {type(error).__name__} {error}") from error
        heed_cancel()
        if ack.duplicate:
            raise RuntimeError(f"the server dropped {subject} as a duplicate: no message of ours has a Nats-Msg-Id")
        return ack

    async def api(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask the JetStream API; the answer may hold `error`. Raises Transient."""
        try:
            answer = await self.client.request(f"$JS.API.{subject}", json.dumps(body).encode(), timeout=TIMEOUT)
        except (TimeoutError, nats.errors.Error) as error:
            heed_cancel()
            raise Transient(f"JetStream {subject}: {type(error).__name__} {error}") from error
        heed_cancel()
        return json.loads(answer.data)


@asynccontextmanager
async def connected(url: str, name: str, *, fatal: bool = True, login: Login = NOBODY) -> AsyncGenerator[Bus]:
    """Connect for ever.

    Reconnects without end, notices a half-open peer within 15 s, ends the process when closed for good.

    Raises Transient when the server is not there within TIMEOUT, or does not know this user; SettingsError.
    """
    said: deque[str] = deque(maxlen=16)

    async def on_error(error: Exception) -> None:
        what = str(error) or type(error).__name__
        if what not in said:  # four times a second while the server is away
            said.append(what)
            if up.is_set():  # before, we raise it
                log.warning("nats", extra={"error": what})

    async def on_reconnected() -> None:
        said.clear()
        log.info("nats is back")

    async def on_closed() -> None:
        if fatal and not closing.is_set():
            log.critical("nats connection closed for good")
            raise SystemExit(1)

    up, closing = asyncio.Event(), asyncio.Event()
    hears = {"error_cb": on_error, "reconnected_cb": on_reconnected, "closed_cb": on_closed}
    client = await _dialled(url, name, login, said, hears)
    said.clear()
    up.set()
    try:
        yield Bus(client)
    finally:
        closing.set()
        await _close(client)


async def _dialled(
    url: str, name: str, login: Login, said: Iterable[str], hears: Mapping[str, Callable[..., Awaitable[None]]]
) -> Client:
    """Return a client that is connected; `said` is what the server complained of until then."""
    who = {"user": login.nats_user, "password": login.password()} if login.nats_user else {}
    try:
        async with asyncio.timeout(TIMEOUT):  # nats-py tries for ever, at the start too
            return await nats.connect(  # pyright: ignore[reportUnknownMemberType]
                url,
                name=name,
                inbox_prefix=f"_INBOX.{name.replace('.', '_')}".encode(),
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,
                connect_timeout=int(TIMEOUT),
                ping_interval=5,
                max_outstanding_pings=2,
                **hears,
                **who,
            )
    except ValueError as error:  # its text may repeat a part of the URL
        what = "no URL of a server; write nats://HOST:PORT in SHALE_NATS_URL"
        raise Transient(f"NATS at {_place(url)} does not answer: that is {what}") from error
    except (OSError, TimeoutError, nats.errors.Error) as error:
        why = str(error) or next(filter(_is_word, said), type(error).__name__)
        raise Transient(
            f"NATS at {_place(url)} does not answer ({why}): start it with `shale up`, or set SHALE_NATS_URL"
        ) from error


def _is_word(what: str) -> bool:
    """Whether a server said this: that it knows no such user is why nobody ever came in."""
    return "authorization" in what.lower()


def _is_refusal(error: js_errors.APIError) -> bool:
    """Whether the fence or the limit per subject refused: 10077 is any failure of the store, a full one too."""
    if error.err_code == STORE_FAILED:
        return (error.description or "").startswith("maximum messages per subject")
    return error.err_code == WRONG_LAST_SEQUENCE


def _place(url: str) -> str:
    """Return the URL without the credentials that it may carry; of several with credentials, the last one."""
    scheme, separator, _ = url.partition("://")
    _, credentials, host = url.rpartition("@")
    return f"{scheme}{separator}{host}" if credentials and separator and "@" not in scheme else host


async def _close(client: Client) -> None:
    """Flush and close in bounded time.

    A client that has words for a server that is gone raises ConnectionResetError instead of closing, and for one that
    stands still it waits.
    """
    try:
        if client.is_connected:
            await client.flush(timeout=2)
    except (OSError, TimeoutError, nats.errors.Error) as error:
        log.warning("nats not flushed", extra={"error": str(error)})
    try:
        async with asyncio.timeout(2):
            await client.close()
    except (OSError, TimeoutError, nats.errors.Error) as error:
        log.warning("nats not closed in order", extra={"error": str(error) or type(error).__name__})
