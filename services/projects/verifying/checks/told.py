"""Who was told, against an independent matching of every event with every rule: inbox items, and deliveries.

A rule that is gone or was put differently since can vouch for nothing: what it had told is left alone. What is older
than it is kept may be gone.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.projects.verifying.asked import Rules, asks_for
from services.projects.verifying.consumer import Consumer
from services.projects.verifying.findings import Row, Verdict
from services.projects.verifying.log import BODY, Event, EventLog
from services.projects.verifying.places import Places
from services.projects.verifying.tables import Expected, Table

HANDLER = "notifications"
ADVICE = (
    "Nobody is told again by itself. See what is parked (python -m services.notifications parked list) and what the log"
    " of attempts says; what is missing can be told by hand, what is surplus was told to somebody who had not asked."
)


@dataclass(frozen=True, slots=True)
class Channel:
    """A way of telling: the rules by which people or endpoints ask for it, and the table of what they were told.

    `said` is what that repeats of an event. Where several rules of a `recipient` make one row, `reasons` names them.
    """

    check: str
    rules: str
    rule_id: str
    table: str
    recipient: str
    said: Sequence[str]
    reasons: str | None = None
    condition: str = "true"
    source: str = ""


INBOX = Channel(
    check="inbox",
    rules="select to_jsonb(found)::text from subscriptions as found",
    rule_id="subscription_id",
    table="inbox_items",
    recipient="person_id",
    said=(
        *("org_id", "event_id", "position", "type", "project_id", "stream", "stream_version"),
        *("actor", "on_behalf_of", "recorded_at", "effective_at"),
    ),
    reasons="subscription_ids",
)
# What was sent on its own, to test an endpoint or to have it prove itself, is of no event.
DELIVERIES = Channel(
    check="deliveries",
    rules="select (to_jsonb(found) - 'secret_box' - 'secret_before_box')::text from webhook_endpoints as found"
    " where state <> 'retired'",
    rule_id="endpoint_id",
    table="deliveries",
    recipient="endpoint_id",
    said=("org_id", "event_id", "position", "type", "project_id", BODY),
    condition="not found.is_test",
    source="(select * from deliveries left join webhook_bodies using (org_id, event_id))",
)


@dataclass(slots=True)
class Told:
    """Pages by position."""

    channel: Channel
    consumer: Consumer
    log: EventLog
    rules: Rules
    kept_since: datetime
    verdict: Verdict
    _table: Table = field(init=False)

    @classmethod
    async def of(cls, channel: Channel, places: Places, kept: timedelta) -> "Told":
        consumer = places.notifications
        rules = Rules(await consumer.session.rows(channel.rules), channel.rule_id)
        verdict = Verdict(channel.check, ADVICE)
        return cls(channel, consumer, places.log, rules, datetime.now(UTC) - kept, verdict)

    def __post_init__(self) -> None:
        channel = self.channel
        key = {"org_id": "uuid", channel.recipient: "uuid", "event_id": "uuid"}
        self._table = Table(
            self.consumer.session,
            channel.table,
            key,
            "position",
            self.verdict,
            self._shown,
            channel.condition,
            channel.source,
        )

    async def see(self, events: Sequence[Event]) -> None:
        applied = [event for event in events if self.consumer.keeps(HANDLER, event)]
        expected = [Expected(event["position"], row) for event in applied for row in self._rows(event)]
        await self._table.compare(expected, self._forgotten(applied))

    async def finish(self) -> None:
        await self._table.search_surplus(self.log, self._expects, self.consumer.forgotten)

    def _rows(self, event: Event) -> Iterator[Row]:
        """One for each recipient, however many of their rules ask for the event."""
        reasons: dict[str, list[str]] = defaultdict(list)
        for rule in self.rules.asking(event):
            reasons[rule[self.channel.recipient]].append(rule[self.channel.rule_id])
        said = self._said(event)
        for recipient, rule_ids in reasons.items():
            yield {**said, self.channel.recipient: recipient, **self._named(rule_ids)}

    def _shown(self, row: Row) -> Row:
        vouched = [each for each in self._reasons(row) if self.rules.vouching(each, row["position"])]
        shown = {name: row[name] for name in (*self.channel.said, self.channel.recipient)}
        if shown.get(BODY) is not None:
            shown[BODY] = bytes.fromhex(shown[BODY].removeprefix(r"\x")).decode(errors="replace")
        return {**shown, **self._named(vouched)}

    def _expects(self, row: Row, event: Event | None) -> bool:
        if event is None or not self.consumer.keeps(HANDLER, event):
            return False
        shown, said = self._shown(row), self._said(event)
        if any(shown[name] != said[name] for name in said):
            return False
        recipient = self.channel.recipient
        vouching = (self.rules.vouching(each, row["position"]) for each in self._reasons(row))
        return all(
            rule[recipient] == row[recipient] and asks_for(rule, event)
            for rule in vouching
            if rule is not None
        )

    def _said(self, event: Event) -> Row:
        of_event = {**event, "stream_version": event["version"]}
        return {name: of_event[name] for name in self.channel.said}

    def _reasons(self, row: Row) -> Sequence[str]:
        return [row[self.channel.recipient]] if self.channel.reasons is None else row[self.channel.reasons]

    def _named(self, rule_ids: Sequence[str]) -> Row:
        return {} if self.channel.reasons is None else {self.channel.reasons: sorted(rule_ids)}

    def _forgotten(self, events: Sequence[Event]) -> set[int]:
        """The positions recorded so long ago that what was told of them need not be kept any more."""
        return {
            event["position"]
            for event in events
            if datetime.fromisoformat(event["recorded_at"]) < self.kept_since
        }
