"""JetStream as Milepost uses it: one stream, whose sequence is the position of every event.

What the client library has no call for stands here: atomic batches, and the few API requests whose exact
subjects the service users are permitted to use.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.events.catalogue import SUBJECT_ROOT

STREAM = "PROJECTS"
SUBJECTS = f"{SUBJECT_ROOT}.>"
# JetStream's API in the account of the stream, and as nats.conf imports it into the accounts of everybody else.
API = "$JS.API"
IMPORTED_API = "$JS.milepost.API"
BATCH_EVENTS_MAX = 1_000
API_SECONDS_MAX = 3.0
PUBLISH_SECONDS_MAX = 5.0

STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
WRONG_LAST_SEQUENCE = 10071
NO_MESSAGE_FOUND = 10037

# How the headers of a message begin that somebody published.
WITHOUT_STATUS = b"NATS/1.0\r\n"

# What uvloop says of writing to a connection it has closed, when the client library has not noticed yet.
CLOSED_BENEATH = "the handler is closed"

log = structlog.get_logger(__name__)


class ApiError(Exception):
    """JetStream refused a request; `code` is its error code."""

    def __init__(self, code: int, description: str) -> None:
        self.code = code
        super().__init__(f"JetStream error {code}: {description}")


class ClosableClient(Client):
    """A client that can be closed in whatever state it is, with all its tasks, and forgets nobody's cancellation.

    It takes apart no more of a message than is read.
    """

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = API_SECONDS_MAX,
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        with _no_cancellation_lost():
            return await super().request(subject, payload, timeout, old_style, headers)

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        # Only what the server itself says has a status. Events bear the headers of the batch they were published
        # in, which say nothing to who receives them, and to take them apart was a fifth of catching up.
        if headers and headers.startswith(WITHOUT_STATUS):
            return None
        read: dict[str, str] | None = await super()._process_headers(headers)
        return read

    async def close(self) -> None:
        # The library would still write what is pending, also to a connection that is closed already.
        self._pending.clear()
        self._pending_data_size = 0
        try:
            await super().close()
        except (OSError, RuntimeError, nats.errors.Error) as error:
            log.debug("nats_not_closed", error=f"{type(error).__name__}: {error}")
        except asyncio.CancelledError:
            # The library waits for what it has itself just cancelled; only a cancellation of ours may pass.
            if is_cancelled():
                raise


@contextlib.contextmanager
def _no_cancellation_lost() -> Iterator[None]:
    """`asyncio.wait_for` of Python 3.11, which the library uses, forgets a cancellation that comes with a reply."""
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    yield
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError


# How a client is had for a URL and a name, see `connect`.
Connect: TypeAlias = Callable[[str, str], Awaitable[Client]]


async def connect(url: str, name: str) -> Client:
    """Connect under a name, which is also that of the user's private inbox: `_INBOX_<name>`.

    Reconnects for ever. Nothing published while disconnected is kept to be sent later: a publish that was
    given up must not arrive after all.
    """

    async def on_error(error: Exception) -> None:
        log.warning("nats_error", connection=name, error=f"{type(error).__name__}: {error}")

    client = ClosableClient()
    try:
        with _no_cancellation_lost():
            await client.connect(
                url,
                name=f"milepost-{name}",
                inbox_prefix=f"_INBOX_{name}".encode(),
                pending_size=-1,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,  # type: ignore[arg-type]
                connect_timeout=2,
                ping_interval=10,
                max_outstanding_pings=2,
                error_cb=on_error,
            )
    except asyncio.CancelledError:
        await client.close()
        raise
    return client


@contextlib.asynccontextmanager
async def connected(url: str, default_user: str, connect: Connect = connect) -> AsyncIterator[Client]:
    """A connection as long as the block lasts, under the name of the user in the URL, else of `default_user`.

    Whatever the network does to it is an `OSError` or an error of the client library, never another one.
    """
    try:
        client = await connect(url, user_of(url, default_user))
        try:
            yield client
        finally:
            await client.close()
    except RuntimeError as error:
        if CLOSED_BENEATH not in str(error):
            raise
        raise ConnectionResetError("the connection to NATS broke while it was written to") from error


async def request(
    client: Client, verb: str, body: dict[str, Any] | None = None, *, api: str = IMPORTED_API
) -> dict[str, Any]:
    """Ask the JetStream API, such as `STREAM.INFO.PROJECTS`; raises `ApiError` or what the client raises.

    `api` is `API` for those who live in the account of the stream, relay and keeper.
    """
    payload = json.dumps(body).encode() if body is not None else b""
    reply = await client.request(f"{api}.{verb}", payload, timeout=API_SECONDS_MAX)
    return _checked(reply)


async def publish_batch(client: Client, messages: Sequence[tuple[str, bytes]], last_sequence: int) -> int:
    """Publish `(subject, body)` pairs all or none, right behind `last_sequence`; returns the new last one.

    Raises `ApiError` with `WRONG_LAST_SEQUENCE` when the stream does not end there. A timeout means unknown:
    ask the stream where it ends. At most `BATCH_EVENTS_MAX` messages.
    """
    fence = {"Nats-Expected-Last-Sequence": str(last_sequence)}
    *others, (last_subject, last_body) = messages
    if others:
        batch = uuid4().hex
        for number, (subject, body) in enumerate(others, start=1):
            headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)} | fence
            await client.publish(subject, body, headers=headers)
            fence = {}
        fence = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(len(messages)), "Nats-Batch-Commit": "1"}
    reply = await client.request(last_subject, last_body, timeout=PUBLISH_SECONDS_MAX, headers=fence)
    sequence: int = _checked(reply)["seq"]
    return sequence


def is_cancelled() -> bool:
    """Whether somebody wants the current task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def span_attributes(operation: str, kind: str, events: int) -> dict[str, str | int]:
    """What a span of work on messages says of them, in the terms of OpenTelemetry's conventions."""
    attributes: dict[str, str | int] = {
        "messaging.system": "nats",
        "messaging.destination.name": STREAM,
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
    }
    return attributes if events == 1 else attributes | {"messaging.batch.message_count": events}


def user_of(url: str, default: str) -> str:
    """The user a NATS URL names; `default` where it names none."""
    return urlsplit(url).username or default


def _checked(reply: Msg) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(reply.data)
    if error := answer.get("error"):
        raise ApiError(error.get("err_code", error["code"]), error.get("description", ""))
    return answer
