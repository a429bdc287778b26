"""The JetStream stream against the log: sequence = position, and each message is the event, byte for byte."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.log import BODY, Event, EventLog
from services.projects.verifying.places import Places
from services.projects.verifying.plain_json import parsed
from services.projects.verifying.stream import Stream

ADVICE = (
    "The log wins. Where the stream ends otherwise: python -m services.projects adopt-log (docs/operating.md, A stream"
    " ahead of the log). Where it differs before its end alone: delete it as the keeper, and the relay makes it anew"
    " with the same positions. Consumers may have applied what it said: verify them next."
)
REQUESTS_AT_A_TIME = 64


@dataclass(slots=True)
class CopyInStream:
    """Pages by position. The stream was seen before the head of the log was: it can not end behind it."""

    stream: Stream
    log: EventLog
    verdict: Verdict = field(default_factory=lambda: Verdict("stream", ADVICE))

    @classmethod
    async def of(cls, places: Places) -> "CopyInStream":
        return cls(places.stream, places.log)

    async def see(self, events: Sequence[Event]) -> None:
        kept = [event for event in events if self.stream.first <= event["position"] <= self.stream.last]
        for start in range(0, len(kept), REQUESTS_AT_A_TIME):
            part = kept[start : start + REQUESTS_AT_A_TIME]
            found = await asyncio.gather(*(self.stream.message(event["position"]) for event in part))
            # What is older than the stream keeps goes while it is read.
            first = (await Stream.seen_by(self.stream.client)).first if None in found else self.stream.first
            for event, message in zip(part, found, strict=True):
                self._compare(event, message, first)

    async def finish(self) -> None:
        last = self.stream.last
        if last > self.log.head:
            self.verdict.add(Finding("stream", f"ends at {last}, beyond the log", self.log.head + 1))
        if last < self.log.head:
            self.verdict.notes.append(f"{self.log.head - last} events are not relayed yet")
        if self.stream.first > 1:
            self.verdict.notes.append(f"begins at {self.stream.first}; what is older is in the log alone")

    def _compare(self, event: Event, message: tuple[str, bytes] | None, first: int) -> None:
        position = event["position"]
        expected: Row = {"subject": subject_of(event), BODY: event[BODY]}
        if message is None:
            if position >= first:
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
