"""The stream as the relay sees it: where it begins and ends, and its messages one by one."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client

from libs.events import jetstream
from services.projects.verifying.sessions import Unreachable, unreachable

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Stream:
    """As it was when it was looked at; messages are asked for when they are wanted."""

    client: Client
    first: int
    last: int
    messages: int

    @classmethod
    async def seen_by(cls, client: Client) -> "Stream":
        state = (await _request(client, f"STREAM.INFO.{jetstream.STREAM}"))["state"]
        return cls(client, state["first_seq"], state["last_seq"], state["messages"])

    async def message(self, sequence: int) -> tuple[str, bytes] | None:
        """Subject and body at a sequence; `None` where there is none."""
        try:
            answer = await _request(self.client, f"STREAM.MSG.GET.{jetstream.STREAM}", {"seq": sequence})
        except jetstream.ApiError as error:
            if error.code == jetstream.NO_MESSAGE_FOUND:
                return None
            raise Unreachable(f"NATS: {error}") from error
        message = answer["message"]
        return message["subject"], base64.b64decode(message.get("data", ""))


@asynccontextmanager
async def stream(nats_url: str) -> AsyncIterator[Stream]:
    """The stream, for as long as it takes to compare it; raises `Unreachable`, also where there is none."""
    name = jetstream.user_of(nats_url, "relay")
    try:
        client = await asyncio.wait_for(_connected(nats_url, name), CONNECT_SECONDS)
    except (OSError, TimeoutError, nats.errors.Error) as error:
        raise unreachable("NATS", error) from error
    try:
        try:
            seen = await Stream.seen_by(client)
        except jetstream.ApiError as error:
            raise Unreachable(f"NATS: {error}") from error
        yield seen
    finally:
        with contextlib.suppress(OSError, TimeoutError, nats.errors.Error):
            await asyncio.wait_for(client.close(), CONNECT_SECONDS)


async def _connected(nats_url: str, name: str) -> Client:
    async def ignore(_: Exception) -> None:
        """The error is raised where it is waited for."""

    return await nats.connect(
        nats_url,
        name="milepost-verify",
        inbox_prefix=f"_INBOX_{name}".encode(),
        allow_reconnect=False,
        connect_timeout=2,
        error_cb=ignore,
    )


async def _request(client: Client, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        return await jetstream.request(client, verb, body, api=jetstream.API)
    except (OSError, TimeoutError, nats.errors.Error) as error:
        raise unreachable("NATS", error) from error
