"""Whole files where `MILEPOST_DATA` points at the data, the committed extracts where it does not."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest

from integrations import (
    csv_log,
    event_log,
    github_events,
    github_issues,
    milestone_history,
    milestone_records,
    xes,
)
from integrations.event_log import ConvertedLog, Options
from integrations.noticing import Converted
from integrations.timestamps import DateOrder, InstantReader
from libs.events.raid import IssueRaised, IssueTransitioned
from tests.unit.integrations.folding import folded
from tests.unit.integrations.sources import DATA, FACTS, reading, whole_or_extract

IN_UTC = InstantReader()
DESK = Options("volvo-closed-problems", "Volvo IT problem desk")
needs_data = pytest.mark.skipif(DATA is None, reason="MILEPOST_DATA is not set; the extracts are tested")


def log_from_csv(path: Path, options: Options = DESK, instants: InstantReader = IN_UTC) -> ConvertedLog:
    with reading(path) as file:
        table = csv_log.open_table(
            io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), csv_log.Columns()
        )
        return event_log.convert(csv_log.read(table, instants, ("?",)), options)


@cache
def problems() -> tuple[ConvertedLog, bool]:
    path, is_whole = whole_or_extract("issues/volvo-closed-problems.csv.gz", "volvo-100-cases.csv")
    return log_from_csv(path), is_whole


def assert_taken(converted: Converted) -> None:
    assert converted.report.bad == 0
    assert len({line.key for line in converted.lines}) == len(converted.lines)
    result = folded(converted.lines)
    assert result.refused == {}
    assert result.unchanged == []


def test_every_case_is_an_issue_and_every_event_a_line_in_the_order_of_the_file() -> None:
    log, is_whole = problems()

    result = folded(log.converted.lines)
    raised, moved = result.count(IssueRaised), result.count(IssueTransitioned)
    assert (raised, raised + moved) == ((1_487, 6_660) if is_whole else (100, 582))
    assert result.refused == {}
    assert log.converted.report.counts == {}


def test_the_states_of_a_case_come_in_the_order_of_the_file() -> None:
    path, _ = whole_or_extract("issues/volvo-closed-problems.csv.gz", "volvo-100-cases.csv")
    in_file: defaultdict[str, list[str]] = defaultdict(list)
    with reading(path) as file:
        for cells in list(csv.reader(io.TextIOWrapper(file)))[1:]:
            in_file[cells[0]].append(cells[3])

    told: defaultdict[str, list[str]] = defaultdict(list)
    for line in log_from_csv(path).converted.lines:
        if line.command in ("issue.raise", "issue.transition"):
            told[line.key.split("/")[2]].append(line.body["state"])
    assert told == in_file


def test_the_extract_of_the_problems_holds_the_same_moves_as_the_whole_file() -> None:
    def moves(path: Path) -> list[tuple[str, str, object]]:
        return [
            (line.key, line.command, (line.effective_at.isoformat(), line.body["state"]))
            for line in log_from_csv(path).converted.lines
            if line.command in ("issue.raise", "issue.transition")
        ]

    extract = moves(FACTS / "volvo-100-cases.csv")
    whole, _ = whole_or_extract("issues/volvo-closed-problems.csv.gz", "volvo-100-cases.csv")
    assert set(extract) <= set(moves(whole))


def xes_of(path: Path) -> bytes:
    """The events of a CSV log written as XES, where no XES of it is at hand."""
    log, traces = Element("log"), dict[str, Element]()
    keys = {
        "timestamp": "time:timestamp",
        "activity": "concept:name",
        "resource": "org:resource",
        "group": "org:group",
    }
    with reading(path) as file:
        for row in csv.DictReader(io.TextIOWrapper(file, newline="")):
            trace = traces.get(row["case_id"])
            if trace is None:
                trace = traces[row["case_id"]] = SubElement(log, "trace")
                SubElement(trace, "string", key="concept:name", value=row["case_id"])
            event = SubElement(trace, "event")
            for column, key in keys.items():
                SubElement(event, "date" if column == "timestamp" else "string", key=key, value=row[column])
    return tostring(log)


@contextmanager
def problems_in_xes() -> Iterator[IO[bytes]]:
    path, is_whole = whole_or_extract("issues/volvo-closed-problems.xes.gz", "volvo-100-cases.csv")
    if not is_whole:
        yield io.BytesIO(xes_of(path))
        return
    with reading(path) as file:
        yield file


def test_xes_and_csv_of_the_same_log_give_the_same_lines() -> None:
    with problems_in_xes() as file:
        from_xes = event_log.convert(xes.read(file, xes.Keys(), InstantReader()), DESK)
    from_csv, _ = problems()

    assert [line.to_json() for line in from_xes.converted.lines] == [
        line.to_json() for line in from_csv.converted.lines
    ]


@needs_data
@pytest.mark.parametrize(
    ("name", "commands", "noticed"),
    [
        (
            "python-releases",
            {"propose": 16, "plan": 504, "commit": 461, "reforecast": 376, "achieve": 408, "cancel": 142,
             "withdraw-achievement": 33, "reinstate": 13, "correct-achievement": 1},
            {"assumed_met": 256, "actual_without_plan": 43, "removed_after_achievement": 33,
             "again_after_removal": 13, "nothing_new": 11},
        ),
        (
            "openstack",
            {"propose": 21, "plan": 800, "commit": 800, "reforecast": 10, "achieve": 739, "cancel": 16, "reinstate": 2},
            {"assumed_met": 739, "again_after_removal": 2},
        ),
        ("node", {"propose": 27, "plan": 91, "commit": 91, "reforecast": 30, "achieve": 80}, {"assumed_met": 80}),
    ],
)  # fmt: skip
def test_every_milestone_history_is_taken_whole(
    name: str, commands: dict[str, int], noticed: dict[str, int]
) -> None:
    assert DATA is not None
    with reading(DATA / f"milestones/{name}.jsonl") as file:
        converted = milestone_history.convert(milestone_records.read(file, name))

    assert Counter(line.command.split(".")[1] for line in converted.lines) == commands
    assert converted.report.counts == noticed
    assert_taken(converted)


@needs_data
def test_github_events_are_taken_whole_and_what_is_no_command_is_counted() -> None:
    assert DATA is not None
    with reading(DATA / "issues/github-bitcoin-core-gui.jsonl.gz") as file:
        converted = github_issues.convert(
            github_events.read(file), github_issues.Options("gui", "Bitcoin Core GUI")
        )

    commands = Counter(line.command.split(".")[1] for line in converted.lines)
    assert commands["raise"] == 878
    assert converted.report.counts == {
        "labeled": 1_269,
        "locked": 662,
        "unlabeled": 395,
        "closed_by_merge": 332,
        "closed_again": 3,
    }
    assert len(converted.lines) - 2 + converted.report.counts.total() == 4_965
    assert_taken(converted)


@needs_data
def test_audit_snapshots_are_moves_where_the_state_changed() -> None:
    assert DATA is not None
    log = log_from_csv(
        DATA / "issues/servicenow-incidents-first-5998.csv.gz",
        Options("servicenow", "Incidents", is_snapshots=True),
        InstantReader(order=DateOrder.DAY_FIRST),
    )

    commands = Counter(line.command for line in log.converted.lines)
    unchanged = log.converted.report.counts["state_unchanged"]
    assert commands["issue.raise"] + commands["issue.transition"] + unchanged == 5_998
    assert_taken(log.converted)
