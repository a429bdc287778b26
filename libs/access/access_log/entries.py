"""One line of the access log: who was denied what, or who decided over others, and when."""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from getpass import getuser
from typing import Literal
from uuid import UUID

from libs.chassis.clock import utc_now
from libs.chassis.ids import new_id
from libs.chassis.noting import Answered
from libs.chassis.sessions import Connection

# Decisions about everything at once, such as migrations, are nobody's: they stand under the nil id.
NO_ORGANIZATION = UUID(int=0)
OPERATOR_CHARACTERS_MAX = 64
IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSERT = """
insert into access_log
    (org_id, recorded_at, entry_id, kind, actor, operator, operation, target_id, status, code, trace_id)
select $1, entry.* from unnest(
    $2::timestamptz[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::uuid[], $9::smallint[],
    $10::text[], $11::text[]) as entry
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """`operation` is method and route, or an operator's command; either `actor` or `operator` did it."""

    org_id: UUID
    recorded_at: datetime
    entry_id: UUID
    kind: Literal["denied", "administrative"]
    actor: UUID | None
    operator: str | None
    operation: str
    target_id: UUID | None
    status: int | None
    code: str | None
    trace_id: str | None


def entry_of(answered: Answered) -> Entry | None:
    """The entry for a request that is over; `None` where nobody knows who asked."""
    note = answered.note
    if note.org_id is None or note.actor is None:
        return None
    return Entry(
        note.org_id,
        utc_now(),
        new_id(),
        "administrative" if answered.status < 400 else "denied",
        note.actor,
        None,
        f"{answered.method} {answered.route}",
        note.target_id or last_id(answered.path),
        answered.status,
        note.code,
        answered.trace_id,
    )


def last_id(path: str) -> UUID | None:
    """The last id in a path, which names what the request is about."""
    found = IDENTIFIER.findall(path)
    return UUID(found[-1]) if found else None


async def insert(connection: Connection, org_id: UUID, entries: list[Entry]) -> None:
    """Add entries of one organization; those that are there already, after a doubtful commit, stay as they are."""
    columns = zip(
        *(
            (
                each.recorded_at,
                each.entry_id,
                each.kind,
                each.actor,
                each.operator,
                each.operation,
                each.target_id,
                each.status,
                each.code,
                each.trace_id,
            )
            for each in entries
        ),
        strict=True,
    )
    await connection.execute(INSERT, org_id, *map(list, columns))


def operator_name() -> str:
    """Who runs this command on this machine; in a container without names, their number."""
    try:
        return getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


async def record_operator(
    connection: Connection, operator: str, command: str, org_id: UUID = NO_ORGANIZATION
) -> None:
    """Add what an operator did on the command line, in the transaction that does it."""
    await connection.execute("select set_config('app.organization', $1, true)", str(org_id))
    name = operator[:OPERATOR_CHARACTERS_MAX] or "unknown"
    entry = Entry(
        org_id,
        utc_now(),
        new_id(),
        "administrative",
        None,
        name,
        command[:200],
        None,
        None,
        None,
        None,
    )
    await insert(connection, org_id, [entry])
