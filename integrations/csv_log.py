"""Reads event logs from CSV files, whose delimiter and columns it finds unless they are named."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import IO

from integrations.event_log import LogEvent
from integrations.noticing import Notice
from integrations.timestamps import InstantReader

DELIMITERS = ",;\t|"
FIELD_LENGTH_MAX = 1_000_000

# The first name that is there wins; names are compared in lower case, words parted by `_`.
KNOWN_NAMES: Mapping[str, Sequence[str]] = {
    field: names.split()
    for field, names in (
        (
            "case_id",
            """case_id case caseid case_concept_name case_identifier case_number sr_number issue_key issue_id
            issue ticket_id ticket incident_id incident number trace_id trace key id""",
        ),
        (
            "timestamp",
            """timestamp time_timestamp complete_timestamp end_timestamp event_time datetime date_time
            changed_at changed occurred_at sys_updated_at change_date_time updated_at created_at
            start_timestamp at time date""",
        ),
        (
            "activity",
            """activity concept_name event_name activity_name status state new_status to_status
            incident_state issue_status event action task""",
        ),
        ("lifecycle", "lifecycle lifecycle_transition transition sub_status"),
        (
            "resource",
            "resource org_resource assigned_to assignee owner owner_first_name user performer actor",
        ),
        ("group", "group org_group assignment_group support_team team department st"),
        ("title", "title summary subject short_description description"),
    )
}
_NEEDED = ("case_id", "timestamp", "activity")


@dataclass(frozen=True, slots=True)
class Columns:
    """The headers of the columns as they stand in the file; an empty one is not there."""

    case_id: str = ""
    timestamp: str = ""
    activity: str = ""
    lifecycle: str = ""
    resource: str = ""
    group: str = ""
    title: str = ""


class UnusableFile(Exception):
    """The file has no header, or not the columns an event log needs; the message says which."""


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file whose delimiter and columns are known; `file` stands at its first record."""

    file: IO[str]
    delimiter: str
    headers: Sequence[str]
    columns: Columns

    @property
    def places(self) -> Mapping[str, int]:
        """Where each column that is there stands in a record; of headers that are alike the first."""
        chosen = {field.name: getattr(self.columns, field.name) for field in fields(Columns)}
        return {name: self.headers.index(header) for name, header in chosen.items() if header}


def open_table(file: IO[str], told: Columns, delimiter: str | None = None) -> Table:
    """Read the header line. `file` is text opened with `newline=""`; raises `UnusableFile`."""
    header = file.readline()
    if not header.strip():
        raise UnusableFile("the file has no header line")
    found = delimiter or max(DELIMITERS, key=header.count)
    headers = [name.strip() for name in next(csv.reader([header], delimiter=found))]
    columns = _columns(headers, told)
    missing = [name for name in _NEEDED if not getattr(columns, name)]
    if missing:
        raise UnusableFile(
            f"no column for {', '.join(missing)} among {', '.join(headers)}; name it by an option"
        )
    return Table(file, found, headers, columns)


def _columns(headers: Sequence[str], told: Columns) -> Columns:
    by_name = {_normal(header): header for header in reversed(headers)}
    chosen: dict[str, str] = {}
    for field in fields(Columns):
        asked = getattr(told, field.name)
        if asked and asked not in headers:
            raise UnusableFile(f"there is no column {asked} among {', '.join(headers)}")
        names = (name for name in KNOWN_NAMES[field.name] if name in by_name)
        chosen[field.name] = asked or next((by_name[name] for name in names), "")
    return Columns(**chosen)


def _normal(header: str) -> str:
    return "_".join("".join(letter if letter.isalnum() else " " for letter in header.lower()).split())


def read(table: Table, instants: InstantReader, missing: Sequence[str] = ()) -> Iterator[LogEvent | Notice]:
    """Events in the order of the file; a record that cannot be read is a bad notice with its number.

    `missing` are texts that stand for no value, such as `?`.
    """
    csv.field_size_limit(FIELD_LENGTH_MAX)
    reader = csv.reader(table.file, delimiter=table.delimiter)
    width, places, absent = len(table.headers), table.places, frozenset(missing)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Notice("unreadable_record", f"not a CSV record: {error}", number, is_bad=True)
            continue
        if cells is None:
            return
        if len(cells) != width and cells:
            detail = f"{len(cells)} cells under {width} headers"
            yield Notice("unreadable_record", detail, number, is_bad=True)
        elif any(cells):
            values = {name: cells[place] for name, place in places.items()}
            yield _event(number, values, instants, absent)


def _event(
    number: int, values: dict[str, str], instants: InstantReader, absent: frozenset[str]
) -> LogEvent | Notice:
    if _is_undecoded(values):
        return Notice(
            "undecoded", "not in the encoding of the file; name it by --encoding", number, is_bad=True
        )
    try:
        at = instants.read(values.pop("timestamp"))
    except ValueError as error:
        return Notice("no_instant", str(error), number, is_bad=True)
    said = {name: "" if text.strip() in absent else text for name, text in values.items()}
    return LogEvent(number=number, at=at, **said)


def _is_undecoded(values: Mapping[str, str]) -> bool:
    """Bytes that are not in the file's encoding come as lone surrogates."""
    return any(
        "\ud800" <= letter <= "\udfff" for value in values.values() if not value.isascii() for letter in value
    )
