"""The JetStream stream against the log: sequence = position, and each message is the event, byte for byte."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client

from libs.events import jetstream
from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.log import BODY, Event, EventLog
from services.projects.verifying.plain_json import parsed
from services.projects.verifying.sessions import Unreachable, unreachable

ADVICE = (
    "The log wins. Where the stream ends otherwise: python -m services.projects adopt-log (docs/operating.md, A stream"
    " ahead of the log). Where it differs before its end alone: delete it as the keeper, and the relay makes it anew"
    " with the same positions. Consumers may have applied what it said: verify them next."
)
CONNECT_SECONDS = 5.0
REQUESTS_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class Stream:
    """The stream as the relay sees it: where it begins and ends, and its messages one by one."""

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


@dataclass(slots=True)
class CopyInStream:
    """Pages by position. The stream was seen before the head of the log was: it can not end behind it."""

    stream: Stream
    log: EventLog
    verdict: Verdict = field(default_factory=lambda: Verdict("stream", ADVICE))

    async def see(self, events: Sequence[Event]) -> None:
        kept = [event for event in events if self.stream.first <= event["position"] <= self.stream.last]
        for start in range(0, len(kept), REQUESTS_AT_A_TIME):
            part = kept[start : start + REQUESTS_AT_A_TIME]
            found = await asyncio.gather(*(self.stream.message(event["position"]) for event in part))
            for event, message in zip(part, found, strict=True):
                await self._compare(event, message)

    async def finish(self) -> None:
        last = self.stream.last
        if last > self.log.head:
            self.verdict.add(Finding("stream", f"ends at {last}, beyond the log", self.log.head + 1))
        if last < self.log.head:
            self.verdict.notes.append(f"{self.log.head - last} events are not relayed yet")
        if self.stream.first > 1:
            self.verdict.notes.append(f"begins at {self.stream.first}; what is older is in the log alone")

    async def _compare(self, event: Event, message: tuple[str, bytes] | None) -> None:
        position = event["position"]
        expected: Row = {"subject": subject_of(event), BODY: event[BODY]}
        if message is None:
            # What is older than the stream keeps goes while it is read.
            if position >= (await Stream.seen_by(self.stream.client)).first:
                self.verdict.add(Finding("stream", "missing", position, {"sequence": position}))
            return
        found: Row = {"subject": message[0], BODY: message[1].decode(errors="replace")}
        self.verdict.saw(found)
        if found == expected:
            expected, found = _recorded(event), _published(found[BODY])
        if found != expected:
            self.verdict.add(Finding.of("stream", {"sequence": position}, position, expected, found))


ATTRIBUTES = {
    "event_id": "id",
    "type": "type",
    "stream": "subject",
    "position": "position",
    "version": "streamversion",
    "schema_version": "schemaversion",
    "org_id": "orgid",
    "project_id": "projectid",
    "actor": "actor",
    "traceparent": "traceparent",
    "on_behalf_of": "onbehalfof",
    "data": "data",
}


def subject_of(event: Event) -> str:
    """Where an event is published, put together once more."""
    return f"milepost.{event['org_id']}.{event['project_id'] or '_'}.{event['type'].replace('_', '-')}"


def _recorded(event: Event) -> Row:
    return {name: event[name] for name in ATTRIBUTES}


def _published(body: str) -> Row:
    message = parsed(body)
    return {name: message.get(attribute) for name, attribute in ATTRIBUTES.items()}


async def _request(client: Client, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        return await jetstream.request(client, verb, body, api=jetstream.API)
    except (OSError, TimeoutError, nats.errors.Error) as error:
        raise unreachable("NATS", error) from error
