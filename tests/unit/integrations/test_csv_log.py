"""CSV logs are read whatever their delimiter, their headers and their times look like."""

import io
from datetime import UTC, datetime

import pytest

from integrations import csv_log
from integrations.csv_log import Columns, UnusableFile
from integrations.event_log import LogEvent
from integrations.noticing import Notice
from integrations.timestamps import DateOrder, InstantReader

IN_UTC = InstantReader()
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def read(text: str, instants: InstantReader = IN_UTC, **told: str) -> list[LogEvent | Notice]:
    table = csv_log.open_table(io.StringIO(text, newline=""), Columns(**told))
    return list(csv_log.read(table, instants, missing=("?",)))


def test_columns_are_found_by_their_usual_names() -> None:
    assert read(
        "case_id,timestamp,activity,lifecycle,resource,org_group,title\n"
        "7,2026-01-05T12:00:00Z,New,complete,Ann,First line,Broken\n"
    ) == [LogEvent(1, "7", NOON, "New", "complete", "Ann", "First line", "Broken")]


@pytest.mark.parametrize(
    "header",
    [
        "Case ID,Complete Timestamp,Activity",
        "case:concept:name,time:timestamp,concept:name",
        "number,sys_updated_at,incident_state",
        "Issue key,Changed at,Status",
        "ticket,time,state",
    ],
)
def test_headers_of_many_tools_are_known(header: str) -> None:
    assert read(f"{header}\n7,2026-01-05T12:00:00Z,New\n") == [LogEvent(1, "7", NOON, "New")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header_line(delimiter: str) -> None:
    lines = ["case_id,timestamp,activity", '7,2026-01-05T12:00:00Z,"New, or old"']
    text = "\n".join(line.replace("7,", "7§").replace("Z,", "Z§") for line in lines)
    text = text.replace("case_id,timestamp,", "case_id§timestamp§").replace("§", delimiter)

    assert read(text) == [LogEvent(1, "7", NOON, "New, or old")]


def test_a_column_that_was_told_overrules_the_one_that_was_found() -> None:
    text = "case_id,timestamp,activity,Opened\n7,2026-01-05T11:00:00Z,New,2026-01-05T12:00:00Z\n"

    assert read(text, timestamp="Opened") == [LogEvent(1, "7", NOON, "New")]
    with pytest.raises(UnusableFile, match="no column Closed among"):
        read(text, timestamp="Closed")


def test_a_file_without_a_needed_column_says_which_and_what_there_is() -> None:
    with pytest.raises(UnusableFile, match="no column for timestamp, activity among case_id, what"):
        read("case_id,what\n7,x\n")
    with pytest.raises(UnusableFile, match="no header line"):
        read("")


def test_texts_that_stand_for_nothing_are_nothing() -> None:
    assert read("case_id,timestamp,activity,resource\n7,2026-01-05T12:00:00Z,New,?\n") == [
        LogEvent(1, "7", NOON, "New")
    ]


def test_a_record_that_cannot_be_read_is_reported_by_number_and_the_rest_goes_on() -> None:
    assert read(
        "case_id,timestamp,activity\n"
        "7,2026-01-05T12:00:00Z,New\n"
        "7,,New\n"
        "\n"
        "7,2026-01-05T12:00:00Z\n"
        "7,03/04/2026 10:00,New\n"
        "7,2026-01-05T12:00:00Z,St\udcf6rung\n"
        "8,2026-01-05T12:00:00Z,New\n"
    ) == [
        LogEvent(1, "7", NOON, "New"),
        Notice("no_instant", "the timestamp is missing", 2, is_bad=True),
        Notice("unreadable_record", "2 cells under 3 headers", 4, is_bad=True),
        Notice(
            "no_instant",
            "day first or month first? the timestamp may mean both; tell which",
            5,
            is_bad=True,
        ),
        Notice("undecoded", "not in the encoding of the file; name it by --encoding", 6, is_bad=True),
        LogEvent(7, "8", NOON, "New"),
    ]


def test_the_first_column_of_a_name_counts() -> None:
    assert read("case_id,timestamp,activity,activity\n7,2026-01-05T12:00:00Z,New,Old\n") == [
        LogEvent(1, "7", NOON, "New")
    ]


def test_dates_are_read_day_first_where_that_was_told() -> None:
    day_first = InstantReader(order=DateOrder.DAY_FIRST)

    assert read("case_id,timestamp,activity\n7,05-01-2026 12:00,New\n", day_first) == [
        LogEvent(1, "7", NOON, "New")
    ]
