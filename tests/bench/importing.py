"""An import of a real problem desk through the public API, until it is answered and until it can be asked."""

import csv
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from rich.console import Console

from integrations import csv_log, event_log
from integrations.sending import client_for, send
from integrations.sources import opened
from integrations.timestamps import InstantReader
from libs.events.raid import IssueKind
from tests.bench.figures import Figure, Limit, Report
from tests.bench.reconciling import Ledger, reconcile
from tests.bench.system import System

WHOLE = "issues/volvo-closed-problems.csv.gz"
EXTRACT = Path(__file__).parents[2] / "integrations/facts/volvo-100-cases.csv"
COPIES = 15
DESK = event_log.Options("volvo-closed-problems", "Volvo IT problem desk", IssueKind.PROBLEM)
COMMANDS_MIN = 2_000


def measure(system: System, report: Report, rounds: int) -> None:
    source, lines = import_lines()
    ledger = Ledger(system.head)
    answered, visible = [], []
    for number in range(1, rounds + 1):
        report.say(f"import of {source}, round {number} of {rounds}")
        started = time.monotonic()
        recorded = send_all(system, lines)
        answered.append(len(lines) / (time.monotonic() - started))
        ledger.enter(recorded)
        ended = system.await_projected(ledger.head_before + ledger.recorded, "timeline")
        visible.append(len(lines) / (ended - started))
        system.await_projected(system.head)
    report.reconciled.append(reconcile(system, ledger, f"imports of {source}"))
    group = f"import of {source}: {len(lines):,} commands"
    report.add(
        Figure(
            group,
            "answered",
            "commands/s",
            answered,
            Limit(at_least=COMMANDS_MIN),
            "one request of 1,000 lines at a time",
        ),
        Figure(group, "visible in timeline", "commands/s", visible),
    )


def send_all(system: System, lines: Sequence[bytes]) -> int:
    """Import into an organization that knows nothing yet; returns how many lines were recorded."""
    with client_for(system.stack.url("projects"), system.token(uuid4())) as client:
        summary = send(client, lines)
    assert summary.outcomes["recorded"] == len(lines), summary.outcomes
    return len(lines)


def import_lines() -> tuple[str, list[bytes]]:
    """What is imported, by name: the whole file where MILEPOST_DATA is, else copies of the extract's cases."""
    data = os.environ.get("MILEPOST_DATA")
    if data:
        with opened(Path(data) / WHOLE, Console(quiet=True)) as file:
            return "the Volvo problems", converted(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    return f"a look-alike ({COPIES} copies of 100 Volvo cases)", converted(io.StringIO(copies_of(EXTRACT)))


def converted(text: io.TextIOBase) -> list[bytes]:
    table = csv_log.open_table(text, csv_log.Columns())  # type: ignore[arg-type]
    log = event_log.convert(csv_log.read(table, InstantReader()), DESK)
    return [line.to_json() for line in log.converted.lines]


def copies_of(extract: Path) -> str:
    """Each case of the extract as many cases, which differ in their names alone."""
    header, *records = list(csv.reader(io.StringIO(extract.read_text())))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for copy in range(COPIES):
        writer.writerows([f"{case_id}-{copy}", *rest] for case_id, *rest in records)
    return text.getvalue()
