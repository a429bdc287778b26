"""Who was told, against an independent matching of every event with every rule: inbox items, and deliveries.

A rule that is gone or was put differently since can vouch for nothing: what it had told is left alone. What is older
than it is kept may be gone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.projects.verifying.asked import Rules, asks_for
from services.projects.verifying.consumers import Consumer
from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.tables import Table

HANDLER = "notifications"
ADVICE = (
    "Nobody is told again by itself. See what is parked (python -m services.notifications parked list) and what the log"
    " of attempts says; what is missing can be told by hand, what is surplus was told to somebody who had not asked."
)


@dataclass(slots=True)
class Inbox:
    """Pages by position."""

    consumer: Consumer
    log: EventLog
    rules: Rules
    kept_since: datetime
    verdict: Verdict
    _table: Table = field(init=False)

    @classmethod
    async def of(cls, consumer: Consumer, log: EventLog, kept: timedelta) -> "Inbox":
        rules = await consumer.session.rows("select to_jsonb(found)::text from subscriptions as found")
        return cls(
            consumer, log, Rules(rules, "subscription_id"), datetime.now(UTC) - kept, Verdict("inbox", ADVICE)
        )

    def __post_init__(self) -> None:
        key = {"org_id": "uuid", "person_id": "uuid", "event_id": "uuid"}
        self._table = Table(self.consumer.session, "inbox_items", key, "position", self.verdict, self._shown)

    async def see(self, events: Sequence[Event]) -> None:
        applied = [each for each in events if self.consumer.keeps(HANDLER, each)]
        expected = [row for event in applied for row in self._rows(event)]
        await self._table.compare(expected, forgotten(applied, self.kept_since))

    async def finish(self) -> None:
        await self._table.search_surplus(self.log, self._expects, self.consumer.forgotten)

    def _rows(self, event: Event) -> Iterable[Row]:
        asking: dict[str, list[str]] = {}
        for rule in self.rules.asking(event):
            asking.setdefault(rule["person_id"], []).append(rule["subscription_id"])
        said = _said(event)
        return [
            {**said, "person_id": person, "subscription_ids": sorted(ids)} for person, ids in asking.items()
        ]

    def _shown(self, row: Row) -> Row:
        vouched = [each for each in row["subscription_ids"] if self.rules.vouching(each, row["position"])]
        names = (*_SAID_OF_INBOX, "person_id")
        return {**{name: row[name] for name in names}, "subscription_ids": sorted(vouched)}

    def _expects(self, row: Row, event: Event | None) -> bool:
        if event is None or not self.consumer.keeps(HANDLER, event):
            return False
        said = _said(event)
        if any(row[name] != said[name] for name in said):
            return False
        vouching = (self.rules.vouching(each, row["position"]) for each in row["subscription_ids"])
        return all(
            rule["person_id"] == row["person_id"] and asks_for(rule, event)
            for rule in vouching
            if rule is not None
        )


@dataclass(slots=True)
class Deliveries:
    """Pages by position. What was sent on its own, to test an endpoint or to have it prove itself, is of no event."""

    consumer: Consumer
    log: EventLog
    rules: Rules
    kept_since: datetime
    verdict: Verdict
    _table: Table = field(init=False)

    @classmethod
    async def of(cls, consumer: Consumer, log: EventLog, kept: timedelta) -> "Deliveries":
        endpoints = await consumer.session.rows(
            "select (to_jsonb(found) - 'secret_box' - 'secret_before_box')::text from webhook_endpoints as found"
            " where state <> 'retired'"
        )
        kept_since = datetime.now(UTC) - kept
        return cls(consumer, log, Rules(endpoints, "endpoint_id"), kept_since, Verdict("deliveries", ADVICE))

    def __post_init__(self) -> None:
        key = {"org_id": "uuid", "endpoint_id": "uuid", "event_id": "uuid"}
        self._table = Table(
            self.consumer.session, "deliveries", key, "position", self.verdict, _delivery, "not found.is_test"
        )

    async def see(self, events: Sequence[Event]) -> None:
        applied = [each for each in events if self.consumer.keeps(HANDLER, each)]
        expected = [
            {**_gone_out(event), "endpoint_id": rule["endpoint_id"]}
            for event in applied
            for rule in self.rules.asking(event)
        ]
        await self._table.compare(expected, forgotten(applied, self.kept_since))

    async def finish(self) -> None:
        await self._table.search_surplus(self.log, self._expects, self.consumer.forgotten)
        for row in await self.consumer.session.rows(NEVER_SENT):
            key = {name: row[name] for name in ("org_id", "endpoint_id", "event_id")}
            self.verdict.add(Finding("deliveries", "delivered without an attempt", row["position"], key))
        waiting = await self.consumer.session.fetch(
            "select state, count(*) from deliveries where state <> 'delivered' group by state order by state"
        )
        self.verdict.notes += [f"{count} {state}" for state, count in waiting]

    def _expects(self, row: Row, event: Event | None) -> bool:
        if event is None or not self.consumer.keeps(HANDLER, event):
            return False
        said = _gone_out(event)
        rule = self.rules.vouching(row["endpoint_id"], row["position"])
        return all(row[name] == said[name] for name in said) and (rule is None or asks_for(rule, event))


NEVER_SENT = """
select to_jsonb(found)::text from deliveries as found
where state = 'delivered' and not exists (
    select from delivery_attempts as attempt
    where attempt.org_id = found.org_id and attempt.endpoint_id = found.endpoint_id
      and attempt.event_id = found.event_id and attempt.outcome = 'delivered'
)
order by position limit 100
"""
_SAID_OF_DELIVERY = ("org_id", "event_id", "position", "type", "project_id")
_SAID_OF_INBOX = (
    *(*_SAID_OF_DELIVERY, "stream", "stream_version", "actor", "on_behalf_of", "recorded_at", "effective_at"),
)


def forgotten(events: Iterable[Event], kept_since: datetime) -> set[int]:
    """The positions recorded so long ago that what was told of them need not be kept any more."""
    return {
        event["position"] for event in events if datetime.fromisoformat(event["recorded_at"]) < kept_since
    }


def _said(event: Event) -> dict[str, Any]:
    of_event: Mapping[str, Any] = {**event, "stream_version": event["version"]}
    return {name: of_event[name] for name in _SAID_OF_INBOX}


def _gone_out(event: Event) -> dict[str, Any]:
    return {name: event[name] for name in _SAID_OF_DELIVERY}


def _delivery(row: Row) -> Row:
    return {name: row[name] for name in (*_SAID_OF_DELIVERY, "endpoint_id")}
