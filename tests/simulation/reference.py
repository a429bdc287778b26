"""What timeline must show of a history, by the checker's fold, which shares no code with timeline."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import UUID

from libs.events.envelope import Envelope
from services.projects.verifying.checks.activity import COPIED
from services.projects.verifying.folding.reading import folded, kind_of
from services.projects.verifying.folding.state import State

# By table, by what tells its rows apart.
Expected: TypeAlias = dict[str, dict[Any, Mapping[str, Any]]]

KINDS = ("project", "milestone", "issue")
TABLES = (*(f"{kind}{ending}" for kind in KINDS for ending in ("s", "_changes")), "activity", "moments")


def read(envelopes: Iterable[Envelope]) -> Expected:
    """Every row of every table, from a history in which each stream begins with its first event."""
    expected: Expected = {table: {} for table in TABLES}
    states: dict[str, State] = {}
    for envelope in envelopes:
        event = _plain(envelope)
        change = folded(states.get(envelope.stream), event)
        states[envelope.stream] = change.state
        kind = kind_of(envelope.stream)
        told = {"type": envelope.type, "actor": envelope.actor, "note": change.note, "detail": change.detail}
        row = _typed(change.state)
        expected[f"{kind}s"][envelope.stream] = row
        expected[f"{kind}_changes"][envelope.position] = {**row, **told}
        if envelope.project_id is not None:
            expected["activity"][envelope.position] = {name: getattr(envelope, name) for name in COPIED}
        moment = {"recorded_at": envelope.recorded_at, "position": envelope.position}
        expected["moments"][envelope.recorded_at] = moment
    return expected


def identity(table: str, row: Mapping[str, Any]) -> Any:
    """What tells a row of a table apart, as `read` has it."""
    if table == "moments":
        return row["recorded_at"]
    if table == "activity":
        return row["position"]
    kind, _, changes = table.rstrip("s").partition("_change")
    return row["known_from"] if table.endswith("_changes") else f"{kind}{changes}-{row[f'{kind}_id']}"


def _plain(envelope: Envelope) -> dict[str, Any]:
    """The event as plain JSON, which is all that the fold knows."""
    return {
        "position": envelope.position,
        "org_id": str(envelope.org_id),
        "stream": envelope.stream,
        "version": envelope.version,
        "type": envelope.type,
        "recorded_at": envelope.recorded_at.isoformat(),
        "effective_at": envelope.effective_at.isoformat(),
        "data": envelope.data,
    }


def _typed(state: State) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in state.items()}


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name.endswith("_id"):
        return UUID(value)
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if name.endswith("_on") else value
