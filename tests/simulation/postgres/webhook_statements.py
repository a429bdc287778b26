"""The statements of claiming and recording deliveries, taught by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifications.channels.webhooks import jobs, recording
from tests.simulation.postgres.expressions import Values
from tests.simulation.postgres.plain_statements import Statement
from tests.simulation.postgres.tables import Row
from tests.simulation.postgres.transactions import Transaction

CLAIMED = ("url", "secret_key_id", "secret_box")


def lock_due(transaction: Transaction, values: Values) -> list[Row]:
    """Endpoints of which something is due, each held for this transaction; those held by others are passed over."""
    now, challenge, most = values
    due = _due(transaction, now, challenge)
    due.sort(key=lambda health: (health["leased_until"] is not None, health["leased_until"] or now))
    locked: list[Row] = []
    for health in due:
        key = (health["org_id"], health["endpoint_id"])
        if len(locked) < most and not transaction.is_held_elsewhere("webhook_health", key):
            transaction.hold("webhook_health", key)
            locked.append(Row(org_id=key[0], endpoint_id=key[1]))
    return locked


def is_anything_due(transaction: Transaction, values: Values) -> list[Row]:
    now, challenge = values
    return [Row(exists=bool(_due(transaction, now, challenge)))]


def _due(transaction: Transaction, now: datetime, challenge: str) -> list[Row]:
    """The health of endpoints of which something is due, whoever holds it."""
    due = []
    for health in transaction.rows("webhook_health"):
        endpoint = transaction.one("webhook_endpoints", (health["org_id"], health["endpoint_id"]))
        if endpoint is None or endpoint["state"] != "active" or not _is_free(health, now):
            continue
        line, side = _heads(transaction, endpoint, now, challenge)
        if line or side:
            due.append(health)
    return due


def choose(transaction: Transaction, values: Values) -> list[Row]:
    """What to attempt of each endpoint that is held."""
    now, org_ids, endpoint_ids, told_most, challenge = values
    chosen = []
    for key in zip(org_ids, endpoint_ids, strict=True):
        endpoint, health = transaction.one("webhook_endpoints", key), transaction.one("webhook_health", key)
        if endpoint is None or health is None or endpoint["state"] != "active":
            continue
        if health["leased_until"] is not None and health["leased_until"] > now:
            continue
        line, side = _heads(transaction, endpoint, now, challenge)
        if line or side:
            due = _first(line, side, is_failing=health["failures_in_row"] > 0)
            chosen.append(_claimed(transaction, endpoint, due, now, told_most, challenge))
    return chosen


def _is_free(health: Row, now: datetime) -> bool:
    return all(health[until] is None or health[until] <= now for until in ("leased_until", "breaker_until"))


def _heads(
    transaction: Transaction, endpoint: Row, now: datetime, challenge: str
) -> tuple[Row | None, Row | None]:
    """The head of the line and of the side lane, where they are due."""
    is_proved = endpoint["verified_at"] is not None
    key = (endpoint["org_id"], endpoint["endpoint_id"])
    pending = [row for row in transaction.group("deliveries", key) if row["state"] == "pending"]
    line = [row for row in pending if row["lane"] == "line" and is_proved]
    side = [row for row in pending if row["lane"] == "side" and (is_proved or row["type"] == challenge)]
    heads = (
        min(line, key=lambda row: row["position"], default=None),
        min(side, key=lambda row: row["next_attempt_at"], default=None),
    )
    first, second = (head if head is not None and head["next_attempt_at"] <= now else None for head in heads)
    return first, second


def _first(line: Row | None, side: Row | None, *, is_failing: bool) -> Row:
    heads = [head for head in (line, side) if head is not None]
    return min(heads, key=lambda head: (not (is_failing and head["lane"] == "line"), head["next_attempt_at"]))


def _claimed(
    transaction: Transaction, endpoint: Row, due: Row, now: datetime, told_most: int, challenge: str
) -> Row:
    key = (endpoint["org_id"], endpoint["endpoint_id"])
    body = transaction.one("webhook_bodies", (due["org_id"], due["event_id"]))
    assert body is not None
    skipped = [
        row
        for row in transaction.group("deliveries", key)
        if row["skipped_at"] is not None
        and row["position"] < due["position"]
        and (row["announced_at"] is None or row["state"] == "pending")
    ]
    skipped.sort(key=lambda row: row["position"])
    until = endpoint["secret_before_until"]
    return Row(
        org_id=key[0],
        endpoint_id=key[1],
        **{name: endpoint[name] for name in CLAIMED},
        before_key_id=endpoint["secret_before_key_id"] if until is not None and until > now else None,
        before_box=endpoint["secret_before_box"],
        **{name: due[name] for name in ("event_id", "attempts", "lane", "is_test", "first_attempt_at")},
        is_challenge=due["type"] == challenge,
        body=body["body"],
        skipped=[row["event_id"] for row in skipped[:told_most]],
    )


def take_lease(transaction: Transaction, values: Values) -> list[Row]:
    org_ids, endpoint_ids, attempt_ids, until = values
    for org_id, endpoint_id, attempt_id in zip(org_ids, endpoint_ids, attempt_ids, strict=True):
        changes = {"attempt_id": attempt_id, "leased_until": until}
        _change(transaction, "webhook_health", (org_id, endpoint_id), changes)
    return []


def fail(transaction: Transaction, values: Values) -> list[Row]:
    *key, state, attempts, first_attempt_at, next_attempt_at, lane, is_skipped, now = values
    changes = {
        "state": state,
        "attempts": attempts,
        "first_attempt_at": first_attempt_at,
        "next_attempt_at": next_attempt_at,
        "lane": lane,
        "finished_at": now if state == "parked" else None,
        **({"skipped_at": now} if is_skipped else {}),
    }
    before = transaction.one("deliveries", tuple(key))
    if before is None or before["state"] != "pending":
        return []
    _change(transaction, "deliveries", tuple(key), changes)
    return [Row(state=state)]


def _change(transaction: Transaction, table: str, key: tuple[Any, ...], changes: dict[str, Any]) -> None:
    row = transaction.one(table, key)
    if row is not None:
        transaction.write(table, key, Row({**dict(row.items()), **changes}))


TAUGHT: Mapping[str, Statement] = {
    jobs.IS_ANYTHING_DUE: is_anything_due,
    jobs.LOCK_DUE: lock_due,
    jobs.CHOOSE: choose,
    jobs.TAKE_LEASE: take_lease,
    recording.FAIL: fail,
}
