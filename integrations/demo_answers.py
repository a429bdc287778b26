"""What the demonstration asks of the histories it imported, and how it prints the answers."""

from datetime import datetime, timedelta
from uuid import UUID

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from integrations.asking import Answer, Timeline
from integrations.event_log import Options
from integrations.import_line import identity

FINALS = (
    ("Python 3.2", "3.2 final"),
    ("Python 3.3", "3.3.0 final"),
    ("Python 3.4", "3.4.0 final"),
    ("Python 3.9", "3.9.0 final"),
)
MOVED = ("Python 3.9", "3.9.0 final")
MOMENTS = ("2019-09-01", "2019-10-01", "2020-10-31")
SHOWN = 5


def python_answers(console: Console, timeline: Timeline, source: str) -> None:
    console.print(_finals(timeline, source))
    console.print(_as_of_then(timeline, source))
    console.print(_most_moved(timeline))


def _finals(timeline: Timeline, source: str) -> Table:
    table = Table(title="Promised, moved, met", title_justify="left")
    for header in ("Milestone", "Baseline", "Re-forecasts", "Met on", "Slip"):
        table.add_column(header, justify="right" if header in ("Re-forecasts", "Slip") else "left")
    for project, milestone in FINALS:
        final = timeline.ask(f"milestones/{identity(source, project, milestone)}")
        table.add_row(
            f"{project}: {milestone}",
            final["baseline_on"],
            str(final["reforecast_count"]),
            final["achieved_on"],
            f"{final['slip_days_calendar']} days",
        )
    return table


def _as_of_then(timeline: Timeline, source: str) -> Table:
    """The same question, as it would have been answered on three days."""
    table = Table(title=f"When will {MOVED[1]} be?", title_justify="left")
    for header in ("Asked with effective_at", "State", "Forecast", "Met on"):
        table.add_column(header)
    for moment in MOMENTS:
        then = timeline.ask(f"milestones/{identity(source, *MOVED)}", effective_at=moment)
        table.add_row(moment, then["state"], then["forecast_on"], then["achieved_on"] or "not yet")
    return table


def _most_moved(timeline: Timeline) -> Table:
    table = Table(title="The milestones that moved most often", title_justify="left")
    for header in ("Project", "Milestone", "Re-forecasts", "Slip", "Now"):
        table.add_column(header, justify="right" if header in ("Re-forecasts", "Slip") else "left")
    projects = {project["project_id"]: project["name"] for project in timeline.every("projects")}
    for milestone in timeline.ask("milestones", sort="-reforecast_count", limit=SHOWN)["items"]:
        slip = milestone["slip_days_calendar"]
        table.add_row(
            escape(projects.get(milestone["project_id"], "?")),
            escape(milestone["name"]),
            str(milestone["reforecast_count"]),
            milestone["slip_reason"] if slip is None else f"{slip} days",
            milestone["state"],
        )
    return table


def workload_answers(console: Console, timeline: Timeline, desk: Options) -> None:
    issues = list(timeline.every("issues", project_id=str(desk.project_id)))
    moves = sum(issue["status_event_count"] for issue in issues)
    reopened = sum(issue["reopen_count"] > 0 for issue in issues)
    console.print(
        f"[bold]{escape(desk.project)}[/]: {len(issues):,} issues, {moves:,} status events, "
        f"{reopened:,} issues reopened at least once."
    )
    finished = [issue for issue in issues if issue["category"] in ("done", "cancelled")]
    console.print(_issues("The slowest problems", sorted(finished, key=_days_taken, reverse=True)))
    if reopened:
        most = sorted(issues, key=_times_reopened, reverse=True)
        console.print(_issues("The problems reopened most often", most))


def _issues(title: str, issues: list[Answer]) -> Table:
    """`Days` are those from the raising to the state it is in, `Events` those that told its status."""
    """`Days` are those from the raising to the state it is in, `Events` those that told its status."""
    table = Table(title=title, title_justify="left")
    for header in ("Problem", "Raised", "Days", "Events", "Reopened", "State now"):
        table.add_column(header, justify="right" if header in ("Days", "Events", "Reopened") else "left")
    for issue in issues[:SHOWN]:
        table.add_row(
            escape(issue["title"]),
            issue["raised_at"][:10],
            f"{_days_taken(issue):,}",
            str(issue["status_event_count"]),
            str(issue["reopen_count"]),
            escape(issue["state"]),
        )
    return table


def _times_reopened(issue: Answer) -> int:
    times: int = issue["reopen_count"]
    return times


def _days_taken(issue: Answer) -> int:
    """Whole days from the raising of an issue to the state it is in."""
    entered_at, raised_at = (
        datetime.fromisoformat(issue[name]) for name in ("entered_state_at", "raised_at")
    )
    return (entered_at - raised_at) // timedelta(days=1)


def where_to_look(console: Console, timeline_url: str, milestone_id: UUID) -> None:
    """A line for the shell that fetches the chart; a browser sends no token."""
    console.print("The trend of Python 3.2 final as a picture (also /history and /trend, as JSON):")
    console.print(
        f'  . .run/environment; curl -sS -H "Authorization: Bearer $MILEPOST_TOKEN" -o trend.svg '
        f"{timeline_url.rstrip('/')}/v1/timeline/milestones/{milestone_id}/trend.svg",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )
