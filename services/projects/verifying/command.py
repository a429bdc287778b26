"""`python -m services.projects verify`: what an operator asks for, sees meanwhile, and is told in the end."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from services.projects.settings import VerifyingSettings
from services.projects.verifying.findings import Outcome, Report, Verdict
from services.projects.verifying.sessions import Unreachable
from services.projects.verifying.verifying import CHECKS, verify

STYLES = {Outcome.HELD: "green", Outcome.BROKEN: "bold red", Outcome.NOT_CHECKED: "yellow"}
meanwhile = Console(stderr=True)


def command(
    only: Annotated[
        str, typer.Option(help=f"What to check, with commas between: {', '.join(CHECKS)}. Default: all.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Hold everything made of the log against it. Exit code 0: all holds; 1: something is broken; 2: not checked."""
    chosen = _chosen(only)
    try:
        report = asyncio.run(_watched(VerifyingSettings(), chosen))
    except Unreachable as reason:
        typer.echo(f"nothing was checked: {reason}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(report.to_json())
    else:
        told(report, Console())
    raise typer.Exit(report.exit_code)


async def _watched(settings: VerifyingSettings, only: tuple[str, ...]) -> Report:
    with Progress(console=meanwhile, disable=not meanwhile.is_terminal) as bar:
        tasks = {order: bar.add_task(f"by {order}", total=None) for order in ("positions", "streams")}
        return await verify(
            settings, only, lambda order, done, total: bar.update(tasks[order], completed=done, total=total)
        )


def _chosen(only: str) -> tuple[str, ...]:
    chosen = tuple(each.strip() for each in only.split(",") if each.strip())
    for each in chosen:
        if each not in CHECKS:
            raise typer.BadParameter(f"there is no check {each}; there are {', '.join(CHECKS)}")
    return chosen or CHECKS


def told(report: Report, console: Console) -> None:
    """The report for people: a line for each check, then each first difference and what can be done about it."""
    table = Table("check", "outcome", "rows", "digest", "notes", box=None)
    for verdict in report.verdicts:
        table.add_row(*_line(verdict))
    console.print(Text(f"The log has {report.head:,} events."))
    console.print(table)
    for parked in report.parked:
        place = f"{parked['consumer']}: {parked['org_id']} {parked['sequence']} at {parked['position']}"
        console.print(Text(f"parked  {place}: {parked['code']}: {parked['detail']}"))
    for verdict in report.verdicts:
        if verdict.first is not None:
            console.print(Text(f"\n{verdict.check}: {verdict.wrong:,} differ, first {verdict.first}"))
            console.print(Text(verdict.advice))


def _line(verdict: Verdict) -> tuple[Text, Text, Text, Text, Text]:
    notes = "; ".join([*([verdict.not_checked] if verdict.not_checked else []), *verdict.notes[:3]])
    return (
        Text(verdict.check),
        Text(verdict.outcome.value, STYLES[verdict.outcome]),
        Text(f"{verdict.compared:,}", justify="right"),
        Text(f"{verdict.digest:016x}"),
        Text(notes),
    )
