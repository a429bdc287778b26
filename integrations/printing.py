"""Prints what a converter made of a source: how many lines, what states mean, what was noticed."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from integrations.event_log import ConvertedLog
from integrations.noticing import BAD_EXAMPLES_MAX, Converted, Report
from libs.events.portfolio import StateCategory

_BAD_SHOWN_MAX = 5


def print_report(console: Console, converted: Converted) -> None:
    commands = Counter(line.command for line in converted.lines)
    table = Table("Command", "Lines", title=f"{len(converted.lines):,} import lines", title_justify="left")
    table.columns[1].justify = "right"
    for command, count in commands.items():
        table.add_row(command, f"{count:,}")
    console.print(table)
    if converted.report.counts:
        _print_notices(console, converted.report)
    if converted.report.bad:
        _print_bad(console, converted.report)


def _print_notices(console: Console, report: Report) -> None:
    table = Table(
        "Noticed", "Times", "For example", title="Not every record is a command", title_justify="left"
    )
    table.columns[1].justify = "right"
    for code, count in report.counts.most_common():
        example = report.examples[code][0]
        where = "" if example.record is None else f"record {example.record}: "
        table.add_row(escape(code.replace("_", " ")), f"{count:,}", escape(where + example.detail))
    console.print(table)


def _print_bad(console: Console, report: Report) -> None:
    """Records that could not be read, by number; the first of them with the reason."""
    bad = sorted(
        (notice for examples in report.examples.values() for notice in examples if notice.is_bad),
        key=lambda notice: notice.record or 0,
    )
    console.print(f"[bold red]{report.bad:,} records could not be read[/]; the rest was converted.")
    for notice in bad[:_BAD_SHOWN_MAX]:
        console.print(f"  record {notice.record}: {escape(notice.detail)}")
    if len(bad) > _BAD_SHOWN_MAX:
        console.print(f"  and records {_ranges([notice.record or 0 for notice in bad[_BAD_SHOWN_MAX:]])}")
    if report.bad > len(bad):
        console.print(
            f"  and {report.bad - len(bad):,} more (the first {BAD_EXAMPLES_MAX:,} of a kind are kept)"
        )


def _ranges(numbers: Sequence[int]) -> str:
    """`1, 2, 3, 7` as `1-3, 7`."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)


def print_workflow(console: Console, log: ConvertedLog, told: Mapping[str, StateCategory]) -> None:
    table = Table(
        "State", "Category", "Because", title="What the states were taken to mean", title_justify="left"
    )
    for state, category in log.workflow.items():
        table.add_row(escape(state), category.value, "told" if state in told else "guessed from its name")
    console.print(table)
    for state in told:
        if state not in log.workflow:
            console.print(f"[yellow]--category {escape(state)}: no event is in that state[/]")
