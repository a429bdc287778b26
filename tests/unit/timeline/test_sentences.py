"""Every event of the vocabulary has a sentence that people read; this list is the whole of it."""

from datetime import date
from decimal import Decimal

import pytest

from libs.events import catalogue
from libs.events.envelope import EventData
from libs.events.portfolio import (
    CharterApproved,
    Methodology,
    MethodologyAdopted,
    Phase,
    PhaseEntered,
    ProjectCancelled,
    ProjectClosed,
    ProjectProposed,
    ProjectPutOnHold,
    ProjectResumed,
    ProjectState,
    StateCategory,
    WorkflowAdopted,
    WorkflowState,
)
from libs.events.raid import (
    EstimateUnit,
    IssueAssigned,
    IssueBlocked,
    IssueCancelled,
    IssueCommentedOn,
    IssueEstimated,
    IssueKind,
    IssueLinked,
    IssueMovedIn,
    IssueMovedOut,
    IssueRaised,
    IssueReopened,
    IssueTransitioned,
    IssueTriaged,
    IssueUnblocked,
    LinkRelation,
    Priority,
)
from libs.events.schedule import (
    Cause,
    CauseClass,
    MilestoneAchieved,
    MilestoneAchievementCorrected,
    MilestoneAchievementWithdrawn,
    MilestoneCancelled,
    MilestoneCommitted,
    MilestonePlanned,
    MilestoneRebaselined,
    MilestoneReforecast,
    MilestoneReinstated,
    MilestoneState,
)
from services.timeline.sentences import sentence
from tests.support.history import History, an_id

PROJECT, OTHER = an_id("Apollo"), an_id("Gemini")
PERSON = an_id("Grace")
TODO, ACTIVE, DONE, CANCELLED = (
    StateCategory.TODO,
    StateCategory.ACTIVE,
    StateCategory.DONE,
    StateCategory.CANCELLED,
)
JUNE, OCTOBER = date(2020, 6, 8), date(2020, 10, 5)
MILESTONE = f"milestone-{an_id('landing')}"
NAMED = {MILESTONE: "Landing"}

SENTENCES: list[tuple[EventData, str]] = [
    (ProjectProposed(project_id=PROJECT, name="It"), "Project “It” was proposed"),
    (
        ProjectProposed(project_id=PROJECT, name="It", summary="to the Moon"),
        "Project “It” was proposed: to the Moon",
    ),
    (
        CharterApproved(purpose="prestige", starts_on=JUNE, finishes_on=OCTOBER),
        "Project “It” was chartered from 2020-06-08 to 2020-10-05: prestige",
    ),
    (MethodologyAdopted(methodology=Methodology.KANBAN), "Project “It” adopted kanban"),
    (
        MethodologyAdopted(
            methodology=Methodology.SCRUM, methodology_before=Methodology.STAGE_GATE, reason="too slow"
        ),
        "Project “It” adopted scrum, instead of stage gate: too slow",
    ),
    (
        WorkflowAdopted(
            states=(WorkflowState(name="Open", category=TODO), WorkflowState(name="Shut", category=DONE))
        ),
        "Project “It” adopted the workflow Open → Shut",
    ),
    (
        PhaseEntered(phase=Phase.EXECUTING, state_before=ProjectState.PLANNING),
        "Project “It” entered the phase executing, after planning",
    ),
    (
        ProjectPutOnHold(reason="no money", state_before=ProjectState.PLANNING),
        "Project “It” was put on hold: no money",
    ),
    (ProjectResumed(state=ProjectState.PLANNING), "Project “It” was resumed and is planning again"),
    (ProjectClosed(state_before=ProjectState.CLOSING), "Project “It” was closed"),
    (
        ProjectCancelled(reason="no use", state_before=ProjectState.PLANNING),
        "Project “It” was cancelled: no use",
    ),
    (
        MilestonePlanned(project_id=PROJECT, name="It", target_on=JUNE),
        "Milestone “It” was planned for 2020-06-08",
    ),
    (MilestonePlanned(project_id=PROJECT, name="It"), "Milestone “It” was planned without a date"),
    (MilestoneCommitted(baseline_on=JUNE), "Milestone “It” was committed to 2020-06-08"),
    (
        MilestoneRebaselined(baseline_on_before=JUNE, baseline_on=OCTOBER, change="CR-7", reason="agreed"),
        "Milestone “It” was re-baselined from 2020-06-08 to 2020-10-05 under CR-7: agreed",
    ),
    (
        MilestoneReforecast(forecast_on_before=JUNE, forecast_on=OCTOBER, reason="release calendar moved"),
        "Milestone “It” was reforecast from 2020-06-08 to 2020-10-05: release calendar moved",
    ),
    (
        MilestoneReforecast(
            forecast_on=OCTOBER,
            reason="late",
            caused_by=(
                Cause(cause_class=CauseClass.EXTERNAL),
                Cause(cause_class=CauseClass.DEPENDENCY_LATE, stream=MILESTONE),
                Cause(cause_class=CauseClass.DEFECT_OR_REWORK, stream=f"issue-{OTHER}"),
            ),
        ),
        (
            "Milestone “It” was reforecast to 2020-10-05, its first forecast: late"
            " (external; dependency late, milestone “Landing”; defect or rework, an issue of another project)"
        ),
    ),
    (MilestoneAchieved(achieved_on=JUNE), "Milestone “It” was achieved on 2020-06-08"),
    (
        MilestoneAchievementCorrected(achieved_on_before=JUNE, achieved_on=OCTOBER, reason="typing mistake"),
        "Milestone “It” was achieved on 2020-10-05, not on 2020-06-08: typing mistake",
    ),
    (
        MilestoneAchievementWithdrawn(
            achieved_on_before=JUNE, state=MilestoneState.COMMITTED, reason="it broke"
        ),
        "Milestone “It” was not achieved on 2020-06-08 after all and is committed again: it broke",
    ),
    (
        MilestoneCancelled(reason="no use", state_before=MilestoneState.PLANNED),
        "Milestone “It” was cancelled: no use",
    ),
    (
        MilestoneReinstated(reason="of use", state=MilestoneState.PLANNED),
        "Milestone “It” was reinstated and is planned again: of use",
    ),
    (
        IssueRaised(project_id=PROJECT, title="It", state="Open", category=TODO, priority=Priority.HIGH),
        "Issue “It” was raised as a task with high priority, in Open",
    ),
    (
        IssueTriaged(kind=IssueKind.BUG, kind_before=IssueKind.TASK, priority=Priority.LOW, note="cosmetic"),
        "Issue “It” was triaged: a bug of low priority; cosmetic",
    ),
    (IssueAssigned(team="Line A2"), "Issue “It” was assigned to team “Line A2”"),
    (
        IssueAssigned(team="Line A2", assignee_id=PERSON),
        f"Issue “It” was assigned to team “Line A2” and person {str(PERSON)[:8]}",
    ),
    (IssueAssigned(team_before="Line A2"), "Issue “It” is assigned to nobody any more"),
    (
        IssueTransitioned(
            state_before="Open", category_before=TODO, state="Doing", category=ACTIVE, note="begun"
        ),
        "Issue “It” moved from Open to Doing: begun",
    ),
    (
        IssueTransitioned(state_before="Doing", category_before=ACTIVE, state="Doing", category=ACTIVE),
        "Issue “It” was said to be in Doing again",
    ),
    (
        IssueBlocked(reason="no key", blocked_by=MILESTONE),
        "Issue “It” was blocked by milestone “Landing”: no key",
    ),
    (IssueUnblocked(), "Issue “It” was unblocked"),
    (
        IssueEstimated(estimate=Decimal(1), unit=EstimateUnit.DAYS),
        "Issue “It” was estimated at 1 day",
    ),
    (
        IssueEstimated(
            estimate=Decimal("2.5"),
            unit=EstimateUnit.POINTS,
            estimate_before=Decimal(10),
            unit_before=EstimateUnit.HOURS,
        ),
        "Issue “It” was estimated again, from 10 hours to 2.5 points",
    ),
    (
        IssueLinked(relation=LinkRelation.DELIVERS, target=MILESTONE),
        "Issue “It” delivers milestone “Landing”",
    ),
    (
        IssueLinked(relation=LinkRelation.RELATES_TO, target=f"issue-{OTHER}"),
        "Issue “It” is related to an issue of another project",
    ),
    (
        IssueCommentedOn(comment_id=OTHER, text="first line\n\n  second line"),
        "Issue “It” was commented on: first line second line",
    ),
    (
        IssueReopened(
            state_before="Shut", category_before=DONE, state="Open", category=TODO, reason="not mended"
        ),
        "Issue “It” was reopened, from Shut to Open: not mended",
    ),
    (IssueMovedOut(to_project_id=OTHER, reason="theirs"), "Issue “It” was moved to another project: theirs"),
    (
        IssueMovedIn(
            project_id=PROJECT,
            from_project_id=OTHER,
            state_before="Open",
            category_before=TODO,
            state="Open",
            category=TODO,
        ),
        "Issue “It” came from another project, in Open",
    ),
    (
        IssueCancelled(
            reason="no use", state_before="Open", category_before=TODO, state="Dropped", category=CANCELLED
        ),
        "Issue “It” was cancelled: no use",
    ),
]


# Told of in test_member_sentences.py, or of no project.
OF_ACCESS = {"organization", "member", "project_member", "api_key", "person"}


@pytest.mark.parametrize(("data", "expected"), SENTENCES, ids=lambda each: type(each).__name__)
def test_an_event_is_told_in_a_sentence(data: EventData, expected: str) -> None:
    assert sentence(_recorded(data), "It", NAMED) == expected


def test_no_event_type_of_work_is_without_a_sentence() -> None:
    told = {catalogue.type_of(data).name for data, _ in SENTENCES}
    types = {event_type.name for event_type in catalogue.event_types()}
    assert told == {name for name in types if name.partition(".")[0] not in OF_ACCESS}


def test_a_long_text_is_cut_and_says_so() -> None:
    told = sentence(_recorded(IssueCommentedOn(comment_id=OTHER, text="word " * 200)), "It", {})
    assert told.endswith("…")
    assert len(told) < 320


def test_names_are_told_where_the_reader_may_know_them() -> None:
    moved = _recorded(IssueMovedOut(to_project_id=OTHER))
    assert sentence(moved, "It", {f"project-{OTHER}": "Gemini"}) == "Issue “It” was moved to project “Gemini”"


def _recorded(data: EventData):  # type: ignore[no-untyped-def]
    history = History()
    aggregate = _aggregate(data)
    first = {
        "project": ProjectProposed(project_id=PROJECT, name="It"),
        "milestone": MilestonePlanned(project_id=PROJECT, name="It"),
        "issue": IssueRaised(project_id=PROJECT, title="It", state="Open", category=TODO),
    }[aggregate]
    history.record(aggregate, PROJECT, first)
    return history.record(aggregate, PROJECT, data)


def _aggregate(data: EventData) -> str:
    return {"portfolio": "project", "schedule": "milestone", "raid": "issue"}[
        type(data).__module__.rpartition(".")[2]
    ]
