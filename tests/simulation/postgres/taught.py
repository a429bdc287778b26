"""The statements that are not plain, each taught by hand under its own text: what the log and consumers ask."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from libs.access import projecting as access
from libs.events import parking
from libs.events.log import log
from services.notifications import telling
from services.timeline import activity
from services.timeline.api_key_history import ApiKey
from services.timeline.entity_history import Statements
from services.timeline.issue_history import Issue
from services.timeline.member_history import Member
from services.timeline.milestone_history import Milestone
from services.timeline.project_history import Project
from tests.simulation.postgres import webhook_statements
from tests.simulation.postgres.expressions import Values
from tests.simulation.postgres.plain_statements import Statement
from tests.simulation.postgres.tables import Row
from tests.simulation.postgres.transactions import Transaction

HISTORIES = {"project": Project, "milestone": Milestone, "issue": Issue, "member": Member, "api_key": ApiKey}

# --- The log ---


def head(transaction: Transaction, _: Values) -> list[Row]:
    return [Row(head=len(transaction.table("events").rows))]


def read(transaction: Transaction, values: Values) -> list[Row]:
    """Positions have no gaps, so the entries after one need no search."""
    after, limit = values
    rows = transaction.table("events").rows
    return [rows[(position,)] for position in range(after + 1, min(after + limit, len(rows)) + 1)]


# --- Parking ---


def waiting_events(transaction: Transaction, values: Values) -> list[Row]:
    org_id, sequence = values
    parked = [row for row in transaction.rows("parked_events") if row["org_id"] == org_id]
    streams = {row["stream"] for row in parked if _is_of_project(row, sequence)} | {sequence}
    found = [row for row in parked if _is_of_project(row, sequence) or row["stream"] in streams]
    return sorted(found, key=lambda row: row["position"])


def park_sequence(transaction: Transaction, values: Values) -> list[Row]:
    names, table = ("org_id", "sequence", "position", "code", "detail"), "parked_sequences"
    row = Row(zip(names, values, strict=True))
    row.update(transaction.table(table).absent(names))
    before = transaction.insert(table, values[:2], row)
    if before is not None and row["position"] < before["position"]:
        earlier = {name: row[name] for name in ("position", "code", "detail")}
        transaction.write(table, values[:2], Row({**dict(before.items()), **earlier}))
    return []


def move_sequences_up(transaction: Transaction, values: Values) -> list[Row]:
    org_id, streams = values
    for stream in streams:
        row = transaction.one("parked_sequences", (org_id, stream))
        waiting = [
            each["position"]
            for each in transaction.rows("parked_events")
            if each["org_id"] == org_id and each["stream"] == stream
        ]
        if row is not None and waiting and row["position"] < min(waiting):
            moved = Row({**dict(row.items()), "position": min(waiting)})
            transaction.write("parked_sequences", (org_id, stream), moved)
    return []


def release_sequences(transaction: Transaction, values: Values) -> list[Row]:
    org_id, sequences = values
    for sequence in sequences:
        _forget_unless_it_waits(transaction, org_id, sequence)
    return []


def release_stream_of_skipped(transaction: Transaction, values: Values) -> list[Row]:
    org_id, stream, sequence = values
    if stream != sequence:
        _forget_unless_it_waits(transaction, org_id, stream)
    return []


def count_attempt(transaction: Transaction, values: Values) -> list[Row]:
    (position,) = values
    for row in list(transaction.rows("attempts")):
        if row["position"] < position:
            transaction.write("attempts", (row["position"],), None)
    transaction.hold("attempts", (position,))
    before = transaction.one("attempts", (position,))
    row = Row(position=position, count=(before["count"] if before else 0) + 1)
    transaction.write("attempts", (position,), row)
    return [Row(count=row["count"])]


def parked(transaction: Transaction, _: Values) -> list[Row]:
    found = [
        Row(
            {name: row[name] for name in ("org_id", "sequence", "position", "code", "detail", "parked_at")},
            events=sum(
                waiting["org_id"] == row["org_id"]
                and (waiting["stream"] == row["sequence"] or _is_of_project(waiting, row["sequence"]))
                for waiting in transaction.rows("parked_events")
            ),
        )
        for row in transaction.rows("parked_sequences")
        if row["code"] != "waits"
    ]
    return sorted(found, key=lambda row: row["position"])


def _is_of_project(row: Row, sequence: str) -> bool:
    return row["project_id"] is not None and f"project-{row['project_id']}" == sequence


def _forget_unless_it_waits(transaction: Transaction, org_id: UUID, stream: str) -> None:
    waits = any(
        row["org_id"] == org_id and row["stream"] == stream for row in transaction.rows("parked_events")
    )
    if not waits and transaction.one("parked_sequences", (org_id, stream)) is not None:
        transaction.write("parked_sequences", (org_id, stream), None)


# --- Read models ---


def rotate_key(transaction: Transaction, values: Values) -> list[Row]:
    org_id, key_id, secret_hash, former_valid_until, expires_at = values
    row = transaction.one("access_api_keys", (org_id, key_id))
    if row is None:
        return []
    changed = {
        **dict(row.items()),
        "secret_hash": secret_hash,
        "former_valid_until": former_valid_until,
        "expires_at": expires_at,
        "former_secret_hash": None if former_valid_until is None else row["secret_hash"],
    }
    transaction.write("access_api_keys", (org_id, key_id), Row(changed))
    return []


def stream_names(transaction: Transaction, values: Values) -> list[Row]:
    found = (transaction.one("stream_names", key) for key in zip(*values, strict=True))
    return [row for row in found if row is not None]


def streams_of(transaction: Transaction, values: Values) -> list[Row]:
    found = (transaction.one("streams", key) for key in zip(*values, strict=True))
    return [row for row in found if row is not None]


def named_streams(transaction: Transaction, values: Values) -> list[Row]:
    return [row for row in streams_of(transaction, values) if row["name"] is not None]


def of_history(aggregate: str, row_type: Any) -> tuple[str, Statement]:
    """How entities stand follows from the changes that were written in the part before."""
    statements, table, fields = Statements.of(aggregate, row_type), f"{aggregate}s", row_type._fields

    def show(transaction: Transaction, _: Values) -> list[Row]:
        for change in sorted(transaction.returned[statements.changed], key=lambda row: row["known_from"]):
            row = Row({name: change[name] for name in fields})
            transaction.write(table, (row[fields[0]], row[fields[1]]), row)
        return []

    return statements.show, show


TAUGHT: Mapping[str, Statement] = {
    "select 1": lambda transaction, values: [Row(one=1)],
    log.HEAD: head,
    log.READ: read,
    parking.WAITING_EVENTS: waiting_events,
    parking.PARK_SEQUENCE: park_sequence,
    parking.MOVE_SEQUENCES_UP: move_sequences_up,
    parking.RELEASE_SEQUENCES: release_sequences,
    parking.RELEASE_STREAM_OF_SKIPPED: release_stream_of_skipped,
    parking.COUNT_ATTEMPT: count_attempt,
    parking.PARKED: parked,
    access.ROTATE: rotate_key,
    activity.SELECT_NAMES: stream_names,
    telling.MARKS: streams_of,
    telling.NAMES: named_streams,
    **webhook_statements.TAUGHT,
    **dict(of_history(aggregate, row_type) for aggregate, row_type in HISTORIES.items()),
}
