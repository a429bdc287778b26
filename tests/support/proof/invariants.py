"""What must hold after everything: the log against clients' memory, and everything made of the log against the log."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from deploy.local.stack import Stack
from tests.support import reference_fold, reference_rules
from tests.support.eventually import eventually
from tests.support.proof import evidence
from tests.support.proof.ledger import Entry, Fate, Ledger

Row = Mapping[str, Any]
CONVERGES_SECONDS_MAX = 60
SAMPLED_MESSAGES_MAX = 150


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


# --- The log itself ---


def positions_have_no_gap(log: Sequence[Row]) -> None:
    assert [event["position"] for event in log] == list(range(1, len(log) + 1))
    instants = [event["recorded_at"] for event in log]
    assert instants == sorted(instants)


def versions_of_each_stream_have_no_gap(log: Sequence[Row]) -> None:
    versions: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in log:
        versions[event["org_id"], event["stream"]].append(event["version"])
    for key, found in versions.items():
        assert found == list(range(1, len(found) + 1)), f"{key} has the versions {found}"


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
        key = _key_in(event, ledger) or _key_of_arrival(log, position, ledger)
        if key is not None:
            by_key[key].append(event)
        elif event["position"] not in others:
            unclaimed.append(event["position"])
    assert not unclaimed, f"nobody asked for what is at {unclaimed[:10]}"
    for key, entry in ledger.entries.items():
        _agrees(entry, by_key[key])


def _key_in(event: Row, ledger: Ledger) -> str | None:
    words = (value for value in event["data"].values() if isinstance(value, str))
    return next((word for word in words if word in ledger.entries), None)


def _key_of_arrival(log: Sequence[Row], index: int, ledger: Ledger) -> str | None:
    """An issue that arrives has no words of its own: they stand in its departure, one position before."""
    event, before = log[index], log[index - 1]
    if event["type"] != "issue.moved_in" or before["stream"] != event["stream"]:
        return None
    return _key_in(before, ledger)


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


async def the_stream_is_a_copy(stack: Stack, log: Sequence[Row], chance: Random) -> None:
    """From its first message to the head, each position is a sequence; some of them are compared word for word."""
    async with evidence.broker(stack) as client:
        end = await evidence.stream_end(client)
        assert (end.last, end.messages) == (len(log), len(log) - end.first + 1)
        kept = range(end.first, end.last + 1)
        sample = {end.first, end.last, *chance.sample(kept, min(len(kept), SAMPLED_MESSAGES_MAX))}
        for position in sorted(sample):
            assert _told(await evidence.message(client, position)) == _said(log[position - 1])


def _told(message: Row) -> Row:
    names = {
        "id": "event_id",
        "type": "type",
        "subject": "stream",
        "position": "position",
        "streamversion": "version",
    }
    names |= {"schemaversion": "schema_version", "orgid": "org_id", "projectid": "project_id"}
    names |= {"actor": "actor", "traceparent": "traceparent", "onbehalfof": "on_behalf_of", "data": "data"}
    return {name: message.get(attribute) for attribute, name in names.items()}


def _said(event: Row) -> Row:
    names = ("event_id", "type", "stream", "position", "version", "schema_version", "org_id", "project_id")
    return {name: event[name] for name in (*names, "actor", "traceparent", "on_behalf_of", "data")}


async def nothing_is_parked(stack: Stack) -> None:
    for service in ("timeline", "notifications"):
        for table in ("parked_sequences", "parked_events"):
            waiting = await evidence.rows(stack.whereabouts.database_dsn(service), table)
            assert not waiting, f"{service}: {len(waiting)} {table}, such as {waiting[0]}"


async def read_models_equal_the_reference(
    stack: Stack, log: Iterable[Row], org_id: str | None = None
) -> None:
    """Every table of timeline, row by row, against the independent fold; those of one organization, if it is named."""
    expected = reference_fold.fold(event for event in log if org_id in (None, event["org_id"]))
    for kind in ("project", "milestone", "issue", "member", "api_key"):
        folder = await evidence.schema(stack, f"{kind}_history")
        current = await _table(stack, f"{folder}.{kind}s", org_id)
        same(f"{kind}s", list(getattr(expected, f"{kind}s").values()), current, f"{kind}_id")
        changes = await _table(stack, f"{folder}.{kind}_changes", org_id)
        same(f"{kind}_changes", getattr(expected, f"{kind}_changes"), changes, "known_from")
    folder = await evidence.schema(stack, "activity")
    told = await _table(stack, f"{folder}.activity", org_id)
    assert all(row.pop("sentence") for row in told)
    same("activity", expected.activity, told, "position")
    if org_id is not None:
        return
    folder = await evidence.schema(stack, "moments")
    moments = {row["recorded_at"]: row["position"] for row in await _table(stack, f"{folder}.moments")}
    assert moments == expected.moments


KEPT_AS_TEXT = {"workflow", "project_roles", "scopes", "project_ids"}


async def _table(stack: Stack, name: str, org_id: str | None = None) -> list[evidence.Row]:
    rows = await evidence.rows(stack.whereabouts.database_dsn("timeline"), name)
    return read_texts([row for row in rows if org_id in (None, row.get("org_id"))])


def read_texts(found: list[evidence.Row]) -> list[evidence.Row]:
    """The rows, with what they keep as JSON text read."""
    for row in found:
        for name in KEPT_AS_TEXT & row.keys():
            row[name] = None if row[name] is None else json.loads(row[name])
    return found


def same(what: str, expected: Sequence[Row], found: Sequence[Row], key: str) -> None:
    """Whole rows, compared by key; the first differences are shown."""
    wanted, there = ({(row["org_id"], row[key]): row for row in table} for table in (expected, found))
    assert len(there) == len(found), f"{what}: the same row twice"
    different = [each for each in wanted.keys() | there.keys() if wanted.get(each) != there.get(each)]
    shown = [(wanted.get(each), there.get(each)) for each in different[:2]]
    assert not different, f"{what}: {len(different)} of {len(wanted)} rows differ, such as {shown}"


# --- The log and who was told of it ---


async def everybody_was_told_once(stack: Stack, log: Sequence[Row]) -> None:
    """Inbox items and deliveries are exactly the matches of the rules, as a second matcher finds them."""
    dsn = stack.whereabouts.database_dsn("notifications")
    wanted = reference_rules.inbox(log, await evidence.rows(dsn, "subscriptions"))
    found = {}
    for row in await evidence.rows(dsn, "inbox_items"):
        key = (row["org_id"], row["person_id"], row["event_id"])
        row["subscription_ids"].sort()
        found[key] = {name: row[name] for name in next(iter(wanted.values()))} if wanted else {}
    assert found == wanted, f"{len(found)} inbox items, {len(wanted)} matches"

    due = reference_rules.deliveries(log, await evidence.rows(dsn, "webhook_endpoints"))
    made = [row for row in await evidence.rows(dsn, "deliveries") if not row["is_test"]]
    there = {(row["org_id"], row["endpoint_id"], row["event_id"]): row["position"] for row in made}
    assert there == due, f"{len(there)} deliveries, {len(due)} matches"
    assert Counter(row["state"] for row in made) == Counter({"delivered": len(due)} if due else {})
