"""The keeper owns the stream: it creates it, keeps its configuration, and reads its identity.

It works with credentials of its own, which only the leader of the relay uses, and only when needed.
"""

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from nats.aio.client import Client

from libs.events import jetstream
from libs.events.envelope import UnreadableEvent, read_cloud_event

# The id of what somebody put into the stream that is no event: the log has it nowhere.
NO_EVENT = UUID(int=0)


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What an operator decides about the stream. Production wants three replicas."""

    replicas: int = 1
    max_age: timedelta = timedelta(days=30)
    max_bytes: int = -1


@dataclass(frozen=True, slots=True)
class StreamTail:
    """Where the stream ends.

    `last_event_id` is `None` when it holds no message at its last sequence, `NO_EVENT` when that is no event.
    """

    created: str
    first_sequence: int
    last_sequence: int
    last_event_id: UUID | None


class Keeper:
    """Creates and mends the stream `PROJECTS`."""

    def __init__(
        self, nats_url: str, settings: StreamSettings, connect: jetstream.Connect = jetstream.connect
    ) -> None:
        self._nats_url = nats_url
        self._settings = settings
        self._connect = connect

    async def create(self, first_position: int) -> None:
        """Create the stream so that its next sequence is `first_position`; raises `ApiError` if it exists."""
        await self._ask("CREATE", self._configuration() | {"first_seq": first_position})

    async def remove(self) -> None:
        """Delete the stream, whatever it holds; nothing happens where there is none."""
        async with jetstream.connected(self._nats_url, "keeper", self._connect) as client:
            try:
                await jetstream.request(client, f"STREAM.DELETE.{jetstream.STREAM}", api=jetstream.API)
            except jetstream.ApiError as error:
                if error.code != jetstream.STREAM_NOT_FOUND:
                    raise

    async def uphold(self) -> None:
        """Give the stream the configuration it should have."""
        await self._ask("UPDATE", self._configuration())

    async def _ask(self, verb: str, configuration: dict[str, Any]) -> None:
        async with jetstream.connected(self._nats_url, "keeper", self._connect) as client:
            await jetstream.request(
                client, f"STREAM.{verb}.{jetstream.STREAM}", configuration, api=jetstream.API
            )

    def _configuration(self) -> dict[str, Any]:
        return {
            "name": jetstream.STREAM,
            "subjects": [jetstream.SUBJECTS],
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "num_replicas": self._settings.replicas,
            "max_age": int(self._settings.max_age.total_seconds() * 1_000_000_000),
            "max_bytes": self._settings.max_bytes,
            "duplicate_window": 0,
            "allow_atomic": True,
            "allow_direct": False,
            "deny_delete": True,
            "deny_purge": True,
        }


async def stream_tail(client: Client) -> StreamTail | None:
    """The end of the stream, or `None` if there is no stream."""
    try:
        info = await jetstream.request(client, f"STREAM.INFO.{jetstream.STREAM}", api=jetstream.API)
    except jetstream.ApiError as error:
        if error.code == jetstream.STREAM_NOT_FOUND:
            return None
        raise
    last_sequence = info["state"]["last_seq"]
    last_event_id = await event_id_at(client, last_sequence) if info["state"]["messages"] else None
    return StreamTail(info["created"], info["state"]["first_seq"], last_sequence, last_event_id)


async def event_id_at(client: Client, sequence: int) -> UUID | None:
    """The event at a sequence of the stream: `None` where it holds no message, `NO_EVENT` where that is no event."""
    try:
        answer = await jetstream.request(
            client, f"STREAM.MSG.GET.{jetstream.STREAM}", {"seq": sequence}, api=jetstream.API
        )
    except jetstream.ApiError as error:
        if error.code == jetstream.NO_MESSAGE_FOUND:
            return None
        raise
    try:
        return read_cloud_event(base64.b64decode(answer["message"]["data"])).event_id
    except UnreadableEvent:
        return NO_EVENT
