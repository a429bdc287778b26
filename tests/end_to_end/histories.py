"""The real histories: whole where MILEPOST_DATA points at the data, else the committed extracts; imported over HTTP."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from rich.console import Console

from deploy.local.stack import Stack
from integrations import csv_log, event_log, milestone_history, milestone_records
from integrations.import_line import ImportLine
from integrations.noticing import Converted
from integrations.sending import Summary, client_for, send
from integrations.sources import opened
from integrations.timestamps import InstantReader
from libs.events.raid import IssueKind

FACTS = Path(__file__).parents[2] / "integrations" / "facts"
PYTHON_SOURCE = "github:python/peps"
DESK = event_log.Options("volvo-closed-problems", "Volvo IT problem desk", IssueKind.PROBLEM)


@dataclass(frozen=True, slots=True)
class Files:
    """Where the histories come from."""

    releases: Path
    problems: Path
    are_whole: bool

    @classmethod
    def at_hand(cls) -> "Files":
        if data := os.environ.get("MILEPOST_DATA"):
            folder = Path(data)
            return cls(
                folder / "milestones/python-releases.jsonl",
                folder / "issues/volvo-closed-problems.csv.gz",
                are_whole=True,
            )
        return cls(FACTS / "python-releases.jsonl", FACTS / "volvo-100-cases.csv", are_whole=False)

    def describe(self) -> str:
        return (
            f"{'whole files' if self.are_whole else 'committed extracts'}: {self.releases}, {self.problems}"
        )


@dataclass(frozen=True, slots=True)
class Imported:
    """What was imported, by whom, and what became of the lines."""

    files: Files
    org_id: UUID
    actor: UUID
    lines: Sequence[ImportLine]
    summary: Summary
    cases: Mapping[str, Sequence[Mapping[str, str]]]
    """The records of the problem desk by case, in the order of the file."""


def imported_into(stack: Stack) -> Imported:
    """Convert and send everything."""
    files, org_id, actor = Files.at_hand(), uuid4(), uuid4()
    lines = [*releases(files).lines, *problems(files).lines]
    summary = sent(stack, org_id, actor, lines)
    return Imported(files, org_id, actor, lines, summary, cases(files))


def sent(stack: Stack, org_id: UUID, actor: UUID, lines: Sequence[ImportLine]) -> Summary:
    """Send import lines as that person; blocking."""
    token = stack.whereabouts.token(org_id=org_id, actor=actor)
    with client_for(stack.url("projects"), token) as client:
        return send(client, [line.to_json() for line in lines])


def releases(files: Files) -> Converted:
    with opened(files.releases, Console(quiet=True)) as file:
        return milestone_history.convert(milestone_records.read(file, PYTHON_SOURCE))


def problems(files: Files) -> Converted:
    with opened(files.problems, Console(quiet=True)) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        table = csv_log.open_table(text, csv_log.Columns())
        return event_log.convert(csv_log.read(table, InstantReader()), DESK).converted


def cases(files: Files) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """The file as it is, read by nothing of ours."""
    found: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    with opened(files.problems, Console(quiet=True)) as file:
        for record in csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline="")):
            found[record["case_id"]].append(record)
    return found
