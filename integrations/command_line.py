"""The command line of the converters: one command per format, the same ending for all of them.

Lines go to a file, to standard output or straight to the service; what was noticed goes to standard error.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from integrations import (
    csv_log,
    event_log,
    github_events,
    github_issues,
    milestone_history,
    milestone_records,
    xes,
)
from integrations.import_line import ndjson
from integrations.noticing import Converted
from integrations.options import (
    DEFAULT_URL,
    Categories,
    ColumnNames,
    DayFirst,
    Kind,
    LifecycleUse,
    Output,
    Post,
    ProjectName,
    Source,
    SourceName,
    Token,
    Url,
    Zone,
    columns_named,
    decoded,
    instant_reader,
    log_options,
    told_plainly,
)
from integrations.printing import print_report, print_workflow
from integrations.sending_progress import send_with_progress
from integrations.sources import bounded, opened, source_named
from libs.events.raid import IssueKind

application = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Converts histories of other tools into Milepost's import lines, and sends them.",
)

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the lines of a conversion go: a file, standard output, the service, or two of them."""

    output: str
    is_posted: bool
    url: str
    token: str

    def deliver(self, converted: Converted) -> None:
        print_report(console, converted)
        if self.output not in ("", "-"):
            with Path(self.output).open("wb") as file:
                file.writelines(ndjson(converted.lines))
        elif self.output == "-" or not self.is_posted:
            sys.stdout.buffer.writelines(ndjson(converted.lines))
        if not converted.lines:
            raise typer.Exit(1)
        if self.is_posted:
            post_lines(self.url, self.token, [line.to_json() for line in converted.lines])


def post_lines(url: str, token: str, lines: Sequence[bytes]) -> None:
    """Send the lines; the command fails where not every one of them was taken."""
    summary = send_with_progress(console, url, token, lines)
    if summary is None or summary.refused:
        raise typer.Exit(1)


@application.command("milestone-history")
def milestone_history_command(
    file: Source,
    output: Output = "",
    post: Post = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    source: SourceName = "",
    assume_met: Annotated[
        bool, typer.Option(help="Where no actual date is known, the last date that has passed stands for it.")
    ] = True,
) -> None:
    """Milestone histories as JSON Lines: every planned date, its changes, actual dates and removals."""
    with told_plainly(), opened(file, console) as lines:
        records = milestone_records.read(bounded(lines), source or source_named(file))
        converted = milestone_history.convert(records, assume_met=assume_met)
    Destination(output, post, url, token).deliver(converted)


@application.command("xes")
def xes_command(
    file: Source,
    output: Output = "",
    post: Post = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    source: SourceName = "",
    project_name: ProjectName = "",
    kind: Kind = IssueKind.TASK,
    category: Categories = None,
    lifecycle: LifecycleUse = event_log.Lifecycle.IGNORE,
    timezone: Zone = "UTC",
    activity_key: Annotated[str, typer.Option(help="The attribute that names the state.")] = "concept:name",
    resource_key: Annotated[str, typer.Option(help="The attribute that names the person.")] = "org:resource",
    group_key: Annotated[str, typer.Option(help="The attribute that names the team.")] = "org:group",
    encoding: Annotated[str, typer.Option(help="Overrules the encoding the XML declares.")] = "",
) -> None:
    """Event logs in XES: a trace is an issue, its events are moves through the workflow."""
    keys = xes.Keys(activity=activity_key, resource=resource_key, group=group_key)
    options = log_options(file, source, project_name, kind, category, lifecycle)
    with told_plainly(), opened(file, console) as log:
        events = xes.read(log, keys, instant_reader(timezone), encoding or None)
        converted = event_log.convert(bounded(events), options)
    print_workflow(console, converted, options.categories)
    Destination(output, post, url, token).deliver(converted.converted)


@application.command("csv")
def csv_command(
    file: Source,
    output: Output = "",
    post: Post = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    source: SourceName = "",
    project_name: ProjectName = "",
    kind: Kind = IssueKind.TASK,
    category: Categories = None,
    lifecycle: LifecycleUse = event_log.Lifecycle.IGNORE,
    timezone: Zone = "UTC",
    day_first: DayFirst = None,
    column: ColumnNames = None,
    delimiter: Annotated[str, typer.Option(help="Found in the header line unless told.")] = "",
    encoding: Annotated[str, typer.Option(help="Such as cp1252.")] = "utf-8-sig",
    missing: Annotated[
        list[str] | None, typer.Option(help="A text that stands for no value, such as ?.")
    ] = None,
    snapshots: Annotated[
        bool, typer.Option("--snapshots", help="A record is a snapshot: only a changed state is a move.")
    ] = False,
) -> None:
    """Event logs in CSV: a record is an event of a case, cases are issues."""
    options = log_options(file, source, project_name, kind, category, lifecycle, is_snapshots=snapshots)
    instants = instant_reader(timezone, day_first)
    with told_plainly(), opened(file, console) as log, decoded(log, encoding) as text:
        table = csv_log.open_table(text, columns_named(column), delimiter or None)
        events = csv_log.read(table, instants, missing or ())
        converted = event_log.convert(bounded(events), options)
    print_workflow(console, converted, options.categories)
    Destination(output, post, url, token).deliver(converted.converted)


@application.command("github-events")
def github_events_command(
    file: Source,
    output: Output = "",
    post: Post = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    source: SourceName = "",
    project_name: ProjectName = "",
) -> None:
    """GitHub issue events as JSON Lines: issues and pull requests, opened, closed, merged, reopened."""
    name = source or source_named(file)
    with told_plainly(), opened(file, console) as lines:
        events = github_events.read(bounded(lines))
        converted = github_issues.convert(events, github_issues.Options(name, project_name or name))
    Destination(output, post, url, token).deliver(converted)


@application.command("send")
def send_command(file: Source, url: Url = DEFAULT_URL, token: Token = "") -> None:
    """Import lines that are ready, one JSON object per line. Sending a file again resumes it."""
    with told_plainly(), opened(file, console) as lines:
        ready = [line for line in bounded(lines) if line.strip()]
    post_lines(url, token, ready)
