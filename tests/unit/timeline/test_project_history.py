"""A project's row after each of its events."""

from datetime import date

import pytest

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
from services.timeline.project_history import Project, project_history
from services.timeline.projection import UnknownEntity
from tests.support.history import History, an_id

PROJECTS = project_history()
APOLLO = an_id("Apollo")
PROPOSED = ProjectProposed(project_id=APOLLO, name="Apollo", summary="to the Moon")


def after(*changes: EventData) -> list[Project]:
    history = History()
    rows: list[Project] = []
    for change in changes:
        rows.append(PROJECTS.project(rows[-1] if rows else None, history.record("project", APOLLO, change)))
    return rows


def test_a_project_goes_from_proposal_to_its_end() -> None:
    rows = after(
        PROPOSED,
        CharterApproved(purpose="prestige", starts_on=date(1961, 5, 25), finishes_on=date(1969, 12, 31)),
        PhaseEntered(phase=Phase.PLANNING, state_before=ProjectState.CHARTERED),
        ProjectPutOnHold(reason="fire", state_before=ProjectState.PLANNING),
        ProjectResumed(state=ProjectState.PLANNING),
        CharterApproved(purpose="prestige", finishes_on=date(1970, 12, 31)),
        ProjectClosed(state_before=ProjectState.PLANNING),
    )
    assert [(row.state, row.finishes_on) for row in rows] == [
        ("proposed", None),
        ("chartered", date(1969, 12, 31)),
        ("planning", date(1969, 12, 31)),
        ("on_hold", date(1969, 12, 31)),
        ("planning", date(1969, 12, 31)),
        ("planning", date(1970, 12, 31)),
        ("closed", date(1970, 12, 31)),
    ]


def test_a_project_keeps_its_way_of_working_when_it_is_cancelled() -> None:
    last = after(
        PROPOSED,
        MethodologyAdopted(methodology=Methodology.KANBAN),
        WorkflowAdopted(states=(WorkflowState(name="Open", category=StateCategory.TODO),)),
        ProjectCancelled(reason="no money", state_before=ProjectState.PROPOSED),
    )[-1]
    assert (last.state, last.methodology, last.workflow) == (
        "cancelled",
        "kanban",
        '[{"name":"Open","category":"todo"}]',
    )


def test_a_change_to_what_was_never_proposed_is_refused() -> None:
    history = History()
    history.record("project", APOLLO, PROPOSED)
    with pytest.raises(UnknownEntity):
        PROJECTS.project(None, history.record("project", APOLLO, ProjectResumed(state=ProjectState.PLANNING)))
