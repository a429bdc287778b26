"""What must hold after everything: the log against what clients remember, and everything made of it against the log.

The second is what the checker of operators says; the first only clients can tell.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from deploy.local.stack import Stack
from services.projects.settings import VerifyingSettings
from services.projects.verifying.findings import Report
from services.projects.verifying.verifying import verify
from tests.support.eventually import eventually
from tests.support.proof import evidence
from tests.support.proof.ledger import Entry, Fate, Ledger

Row = Mapping[str, Any]
# After the last fault; only what must be published anew from the log's beginning may take longer.
CONVERGES_SECONDS_MAX = 30


async def converged(stack: Stack, seconds: float = CONVERGES_SECONDS_MAX) -> int:
    """Wait, with nobody's help, until stream and all consumers have reached the head of the log; returns it."""

    async def everybody_is_there() -> int:
        head = await evidence.head(stack)
        async with evidence.broker(stack) as client:
            end = await evidence.stream_end(client)
        assert end.last == head, f"the stream ends at {end.last}, the log at {head}"
        for service in ("timeline", "notifications"):
            reached = await evidence.checkpoints(stack, service)
            assert set(reached.values()) == {head}, f"{service} is at {reached}, the log at {head}"
        return head

    return await eventually(everybody_is_there, seconds, every=0.2)


async def consumers_reach(stack: Stack, position: int, seconds: float = CONVERGES_SECONDS_MAX) -> None:
    """Wait until every consumer has applied this position."""

    async def all_have() -> None:
        for service in ("timeline", "notifications"):
            reached = await evidence.checkpoints(stack, service)
            assert min(reached.values()) >= position, f"{service} is at {reached}"

    await eventually(all_have, seconds, every=0.2)


# --- The log and what clients were told ---


def every_command_is_in_the_log_as_its_client_was_told(
    log: Sequence[Row], ledger: Ledger, others: Collection[int] = ()
) -> None:
    """Acknowledged: there, once, where it was said to be. Refused: not there. Unknown: whole or not at all.

    Refused while an attempt lay in a frozen process: that attempt may still have been accepted when it woke up, once.
    And there is nothing else in the log, but the positions of `others`.
    """
    by_key: dict[str, list[Row]] = defaultdict(list)
    unclaimed = []
    for position, event in enumerate(log):
        key = (
            _key_of_arrival(log, position, ledger)
            or ledger.key_of(event)
            or ledger.late_key_of(event, by_key.keys())
        )
        if key is not None:
            by_key[key].append(event)
        elif event["position"] not in others:
            unclaimed.append({name: event[name] for name in ("position", "type", "stream", "actor")})
    assert not unclaimed, f"nobody asked for {unclaimed[:10]}"
    for key, entry in ledger.entries.items():
        _agrees(entry, by_key[key])


def _key_of_arrival(log: Sequence[Row], index: int, ledger: Ledger) -> str | None:
    """An issue that arrives has no words of its own: they stand in its departure, one position before."""
    event, before = log[index], log[index - 1]
    if event["type"] != "issue.moved_in" or before["stream"] != event["stream"]:
        return None
    return ledger.key_of(before)


def _agrees(entry: Entry, events: Sequence[Row]) -> None:
    asked, fate = entry.asked, entry.fate
    what = f"{asked.key} ({asked.path}, {fate}, told {entry.answers}) has {[e['position'] for e in events]}"
    if fate is Fate.REFUSED and not entry.is_left_behind:
        assert not events, f"refused and yet recorded: {what}"
        return
    allowed = asked.events if fate is Fate.ACKNOWLEDGED else asked.events | {0}
    assert len(events) in allowed, f"lost, doubled or torn: {what}"
    for event in events:
        found = event["stream"], event["org_id"], event["actor"]
        assert found == (asked.stream, str(asked.org_id), str(asked.actor)), what
    if fate is Fate.ACKNOWLEDGED:
        first = entry.answers[0]
        if events:
            told = (first.position, first.version)
            assert told == (events[-1]["position"], events[-1]["version"]), f"told another place: {what}"
        for again in entry.answers[1:]:
            assert again == first, f"the same key got another answer: {what}"


# --- The log and what was made of it ---


async def nothing_is_parked(stack: Stack) -> None:
    for service in ("timeline", "notifications"):
        for table in ("parked_sequences", "parked_events"):
            waiting = await evidence.rows(stack.whereabouts.database_dsn(service), table)
            assert not waiting, f"{service}: {len(waiting)} {table}, such as {waiting[0]}"


async def everything_was_delivered(stack: Stack) -> None:
    made = await evidence.rows(stack.whereabouts.database_dsn("notifications"), "deliveries")
    waiting = [row for row in made if row["state"] != "delivered"]
    assert not waiting, f"{len(waiting)} of {len(made)} deliveries, such as {waiting[0]}"


async def all_is_made_of_the_log(stack: Stack) -> Report:
    """The checker that operators run finds that log, stream, timeline and notifications say one thing."""
    report = await verify(places(stack))
    assert report.exit_code == 0, report.to_json()
    return report


def places(stack: Stack) -> VerifyingSettings:
    """Where the checker finds everything, in the roles that an operator gives it."""
    where = stack.whereabouts
    return VerifyingSettings(
        database_url=SecretStr(where.dsn("projects_service")),
        nats_url=SecretStr(where.nats_url("relay")),
        timeline_database_url=SecretStr(where.dsn("timeline_internal")),
        notifications_database_url=SecretStr(where.dsn("notifications_internal")),
    )
