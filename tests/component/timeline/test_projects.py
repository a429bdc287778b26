"""Projects, what happened in them, and what they amount to."""

from datetime import date

from libs.events.portfolio import (
    Phase,
    PhaseEntered,
    ProjectProposed,
    ProjectState,
    StateCategory,
    WorkflowAdopted,
    WorkflowState,
)
from libs.events.raid import IssueBlocked, IssueLinked, IssueRaised, LinkRelation
from libs.events.schedule import MilestoneCommitted, MilestonePlanned, MilestoneReforecast
from tests.component.timeline.conftest import Timeline
from tests.support.history import an_id

APOLLO, GEMINI = an_id("Apollo"), an_id("Gemini")
LANDING, DOCKING, LEAK = an_id("Landing"), an_id("Docking"), an_id("Leak")


def two_projects(timeline: Timeline) -> None:
    record = timeline.history.record
    for project_id, name in ((APOLLO, "Apollo"), (GEMINI, "Gemini")):
        record("project", project_id, ProjectProposed(project_id=project_id, name=name))
    record(
        "milestone", LANDING, MilestonePlanned(project_id=APOLLO, name="Landing", target_on=date(2026, 1, 4))
    )
    record("milestone", DOCKING, MilestonePlanned(project_id=GEMINI, name="Docking"))
    record(
        "issue", LEAK, IssueRaised(project_id=APOLLO, title="Leak", state="Open", category=StateCategory.TODO)
    )
    record("issue", LEAK, IssueLinked(relation=LinkRelation.BLOCKS, target=f"milestone-{LANDING}"))
    record("issue", LEAK, IssueLinked(relation=LinkRelation.RELATES_TO, target=f"milestone-{DOCKING}"))
    record("issue", LEAK, IssueBlocked(reason="no wrench"))
    record("milestone", LANDING, MilestoneCommitted(baseline_on=date(2026, 1, 4)))
    record(
        "milestone",
        LANDING,
        MilestoneReforecast(
            forecast_on_before=date(2026, 1, 4), forecast_on=date(2026, 9, 1), reason="a leak"
        ),
    )


async def test_activity_is_told_in_sentences_newest_first_and_names_nothing_of_other_projects(
    timeline: Timeline,
) -> None:
    two_projects(timeline)
    await timeline.tell(4)
    items = (await timeline.ask(f"/projects/{APOLLO}/activity"))["items"]
    assert [item["sentence"] for item in items] == [
        "Milestone “Landing” was reforecast from 2026-01-04 to 2026-09-01: a leak",
        "Milestone “Landing” was committed to 2026-01-04",
        "Issue “Leak” was blocked: no wrench",
        "Issue “Leak” is related to a milestone of another project",
        "Issue “Leak” blocks milestone “Landing”",
        "Issue “Leak” was raised as a task, in Open",
        "Milestone “Landing” was planned for 2026-01-04",
        "Project “Apollo” was proposed",
    ]
    assert [item["position"] for item in items] == [10, 9, 8, 7, 6, 5, 3, 1]


async def test_activity_is_narrowed_by_type_stream_and_time(timeline: Timeline) -> None:
    two_projects(timeline)
    await timeline.tell()
    path = f"/projects/{APOLLO}/activity"
    for filters, positions in (
        ({"type": ["issue.blocked", "issue.raised"]}, [8, 5]),
        ({"stream": f"milestone-{LANDING}"}, [10, 9, 3]),
        ({"as_of": 5}, [5, 3, 1]),
        ({"recorded_at_from": timeline.history.events[8].envelope.recorded_at.isoformat()}, [10, 9]),
        ({"actor": str(an_id("nobody"))}, []),
    ):
        items = (await timeline.ask(path, **filters))["items"]
        assert [item["position"] for item in items] == positions, filters


async def test_a_summary_counts_as_of_then(timeline: Timeline) -> None:
    two_projects(timeline)
    await timeline.tell()
    now = await timeline.ask(f"/projects/{APOLLO}/summary")
    assert now["milestones"] == {
        "planned": 0,
        "committed": 1,
        "achieved": 0,
        "cancelled": 0,
        "overdue": 0,
        "missed": 1,
        "reforecasts": 1,
    }
    assert now["issues"] == {
        "todo": 1,
        "active": 0,
        "waiting": 0,
        "done": 0,
        "cancelled": 0,
        "blocked": 1,
        "reopenings": 0,
        "status_events": 1,
    }
    then = await timeline.ask(f"/projects/{APOLLO}/summary", as_of=4)
    assert (then["milestones"]["planned"], then["milestones"]["overdue"], then["issues"]["todo"]) == (1, 1, 0)


async def test_a_project_shows_its_workflow_and_phase_of_then(timeline: Timeline) -> None:
    two_projects(timeline)
    record = timeline.history.record
    record(
        "project",
        APOLLO,
        WorkflowAdopted(states=(WorkflowState(name="Open", category=StateCategory.TODO),)),
    )
    record("project", APOLLO, PhaseEntered(phase=Phase.EXECUTING, state_before=ProjectState.PROPOSED))
    await timeline.tell()
    async with timeline.client() as client:
        response = await client.get(f"/projects/{APOLLO}")
    assert (response.headers["etag"], response.headers["milepost-position"]) == ('"3"', "12")
    project = response.json()
    assert (project["state"], project["workflow"]) == ("executing", [{"name": "Open", "category": "todo"}])
    then = await timeline.ask(f"/projects/{APOLLO}", as_of=10)
    assert (then["state"], then["workflow"], then["version"]) == ("proposed", None, 1)
    assert await timeline.refused(f"/projects/{APOLLO}", as_of=0) == (404, "not_found")
