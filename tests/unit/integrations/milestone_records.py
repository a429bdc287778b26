"""Writes records of one milestone as a source would, converts them, and reads back what was told."""

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

from integrations import milestone_history, milestone_records
from integrations.import_line import ImportLine, identity
from integrations.noticing import Converted, Notice

PROJECT_ID = identity("a source", "Rocket")
LAUNCH = f"milestone-{identity('a source', 'Rocket', 'launch')}"


def record(kind: str, recorded_at: str, **fields: Any) -> dict[str, Any]:
    names = {"source": "a source", "project": "Rocket", "milestone": "launch"}
    return {**names, "recorded_at": recorded_at, "kind": kind, **fields}


def planned(recorded_at: str, planned_date: str, **fields: Any) -> dict[str, Any]:
    return record("planned", recorded_at, planned_date=planned_date, **fields)


def reforecast(recorded_at: str, planned_date: str, **fields: Any) -> dict[str, Any]:
    return record("reforecast", recorded_at, planned_date=planned_date, **fields)


def actual(recorded_at: str, actual_date: str, **fields: Any) -> dict[str, Any]:
    return record("actual", recorded_at, actual_date=actual_date, **fields)


def removed(recorded_at: str, **fields: Any) -> dict[str, Any]:
    return record("removed", recorded_at, **fields)


def converted(*records: dict[str, Any] | bytes, assume_met: bool = False) -> Converted:
    lines = [each if isinstance(each, bytes) else to_json(each) for each in records]
    return milestone_history.convert(milestone_records.read(lines, "a file"), assume_met=assume_met)


def told(lines: Iterable[ImportLine], stream: str = LAUNCH) -> list[tuple[str, str]]:
    """Verbs of one stream with the date they carry, if any."""
    dates = ("target_on", "baseline_on", "forecast_on", "achieved_on")
    return [
        (line.command.split(".")[1], next((line.body[name] for name in dates if name in line.body), ""))
        for line in lines
        if line.stream == stream
    ]


def noticed(result: Converted) -> list[Notice]:
    return [notice for examples in result.report.examples.values() for notice in examples]
