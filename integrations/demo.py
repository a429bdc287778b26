"""The demonstration: imports real histories into a running system and prints what it then knows.

Everything goes through the public HTTP API. Run again, it imports nothing twice and says the same.
"""

import io
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from integrations import csv_log, event_log, milestone_history, milestone_records
from integrations.asking import Behind, Refused, Timeline
from integrations.demo_answers import python_answers, where_to_look, workload_answers
from integrations.import_line import identity
from integrations.noticing import Converted
from integrations.sending import client_for
from integrations.sending_progress import send_with_progress
from integrations.sources import opened
from integrations.timestamps import InstantReader
from libs.events.raid import IssueKind

REPOSITORY = Path(__file__).parent.parent
ENVIRONMENT = Path(".run") / "environment"
FACTS = Path(__file__).parent / "facts"
PYTHON_SOURCE = "github:python/peps"
NEEDED = ("MILEPOST_PROJECTS_URL", "MILEPOST_TIMELINE_URL", "MILEPOST_TOKEN")
DESK = event_log.Options("volvo-closed-problems", "Volvo IT problem desk", IssueKind.PROBLEM)
DESK_EXTRACT = event_log.Options("volvo-100-cases", "Volvo IT problem desk, 100 cases", IssueKind.PROBLEM)

console = Console()


class NotRunning(Exception):
    """There is no running system to demonstrate."""


@dataclass(frozen=True, slots=True)
class Histories:
    """What is imported: the milestones of the Python releases, and the problems of a desk."""

    releases: Converted
    problems: Converted
    desk: event_log.Options


def main() -> int:
    try:
        settings = surroundings(os.environ)
        return demonstrate(settings)
    except (NotRunning, Behind, Refused) as error:
        console.print(f"[bold red]{error}[/]")
        return 1


def surroundings(given: Mapping[str, str], file: Path = REPOSITORY / ENVIRONMENT) -> dict[str, str]:
    """Addresses and the token: from the environment, or from the file in which `make run` keeps them."""
    settings = {**_written_down(file), **given}
    missing = [name for name in NEEDED if not settings.get(name)]
    if missing:
        raise NotRunning(
            f"{', '.join(missing)} not set, and no {ENVIRONMENT}: start Milepost with `make run`."
        )
    return settings


def _written_down(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    words = (shlex.split(line, comments=True) for line in file.read_text().splitlines())
    assignments = (word for line in words for word in line if "=" in word)
    return dict(assignment.split("=", 1) for assignment in assignments)


def demonstrate(settings: Mapping[str, str]) -> int:
    data = settings.get("MILEPOST_DATA")
    histories = read_histories(Path(data) if data else None)
    position = import_all(settings, histories)
    if position is None:
        return 1
    with client_for(settings["MILEPOST_TIMELINE_URL"], settings["MILEPOST_TOKEN"]) as client:
        timeline = Timeline(client, position)
        wait_for(timeline)
        python_answers(console, timeline, PYTHON_SOURCE)
        workload_answers(console, timeline, histories.desk)
    where_to_look(
        console,
        settings["MILEPOST_TIMELINE_URL"],
        identity(PYTHON_SOURCE, "Python 3.2", "3.2 final"),
    )
    return 0


def read_histories(data: Path | None) -> Histories:
    """The whole files where the data is, the extracts in the repository where it is not."""
    if data is None:
        console.print("MILEPOST_DATA is not set: importing the extracts in integrations/facts.")
        releases, problems = FACTS / "python-releases.jsonl", FACTS / "volvo-100-cases.csv"
    else:
        console.print(f"Importing the whole files in {data}.")
        releases = data / "milestones" / "python-releases.jsonl"
        problems = data / "issues" / "volvo-closed-problems.csv.gz"
    desk = DESK_EXTRACT if data is None else DESK
    with opened(releases, console) as file:
        milestones = milestone_history.convert(milestone_records.read(file, PYTHON_SOURCE))
    with opened(problems, console) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        table = csv_log.open_table(text, csv_log.Columns())
        issues = event_log.convert(csv_log.read(table, InstantReader()), desk).converted
    return Histories(milestones, issues, desk)


def import_all(settings: Mapping[str, str], histories: Histories) -> int | None:
    """Send everything; the last position of the log it reached, or `None` where it was not taken."""
    position = 0
    for title, converted in (
        ("Python releases", histories.releases),
        (histories.desk.project, histories.problems),
    ):
        _say_noticed(title, converted)
        lines: Sequence[bytes] = [line.to_json() for line in converted.lines]
        started_at = time.monotonic()
        summary = send_with_progress(
            console, settings["MILEPOST_PROJECTS_URL"], settings["MILEPOST_TOKEN"], lines, title
        )
        if summary is None or summary.refused:
            return None
        seconds = time.monotonic() - started_at
        console.print(f"{len(lines) / seconds:,.0f} commands a second\n")
        position = max(position, summary.position)
    return position


def _say_noticed(title: str, converted: Converted) -> None:
    noticed = converted.report.counts
    told = ", ".join(f"{count:,} {code.replace('_', ' ')}" for code, count in noticed.most_common())
    console.print(
        f"[bold]{title}[/]: {len(converted.lines):,} commands{'; noticed: ' if told else ''}{told}."
    )


def wait_for(timeline: Timeline) -> None:
    with console.status(f"Waiting until timeline has reached position {timeline.position:,}") as status:
        started_at = time.monotonic()
        timeline.wait(lambda position: status.update(f"timeline is at {position:,} of {timeline.position:,}"))
        seconds = time.monotonic() - started_at
    console.print(f"Timeline has reached position {timeline.position:,}, {seconds:.1f} s after the import.\n")


if __name__ == "__main__":
    sys.exit(main())
