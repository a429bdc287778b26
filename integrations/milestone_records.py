"""Records of a milestone history: JSON Lines, one published date (or its change, or its end) per line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from integrations.import_line import printable
from integrations.noticing import Notice


def _readable(name: str) -> str:
    if not printable(name):
        raise ValueError("a name needs at least one character that can be read")
    return name


Named = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_readable)]


class Kind(StrEnum):
    PLANNED = "planned"
    REFORECAST = "reforecast"
    ACTUAL = "actual"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class MilestoneRecord:
    """What a source said about one milestone at one instant; `number` counts the lines from 1."""

    number: int
    source: str
    project: str
    milestone: str
    recorded_at: datetime
    kind: Kind
    planned_on: date | None = None
    actual_on: date | None = None
    previous_on: date | None = None


class _Written(BaseModel):
    """The fields of a line that matter; a file may carry others."""

    model_config = ConfigDict(strict=True, extra="ignore")

    source: Named | None = None
    project: Named
    milestone: Named
    recorded_at: AwareDatetime
    kind: Kind
    planned_date: date | None = None
    actual_date: date | None = None
    previous_date: date | None = None


def read(lines: Iterable[bytes], source: str) -> Iterator[MilestoneRecord | Notice]:
    """One record per line that is not blank; a line that cannot be read becomes a bad notice.

    `source` names the source of records that do not name one themselves.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _record(number, line, source)


def _record(number: int, line: bytes, source: str) -> MilestoneRecord | Notice:
    try:
        written = _Written.model_validate_json(line)
        return MilestoneRecord(
            number=number,
            source=written.source or source,
            project=written.project,
            milestone=written.milestone,
            recorded_at=written.recorded_at.astimezone(UTC),
            kind=written.kind,
            planned_on=written.planned_date,
            actual_on=written.actual_date,
            previous_on=written.previous_date,
        )
    except (ValidationError, OverflowError) as error:
        return Notice("unreadable_record", _reason(error), record=number, is_bad=True)


def _reason(error: ValidationError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "recorded_at is outside the calendar"
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
