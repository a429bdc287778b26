"""Events for tests of notifications: of every type, with a plain envelope."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

from libs.events.access import (
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    MemberJoined,
    MemberLeft,
    MemberRoleGranted,
    OrganizationFounded,
    OrganizationOffboarded,
    OrganizationPolicyAdopted,
    OrganizationRole,
    PersonErased,
    ProjectMemberJoined,
    ProjectMemberLeft,
    ProjectMemberRoleGranted,
    ProjectRole,
    Scope,
)
from libs.events.catalogue import type_of
from libs.events.envelope import Envelope, Event, EventData, stream_name
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

ORGANIZATION = UUID("00000000-0000-7000-8000-000000000001")
PROJECT = UUID("00000000-0000-7000-8000-00000000000a")
OTHER_PROJECT = UUID("00000000-0000-7000-8000-00000000000b")
MILESTONE = UUID("00000000-0000-7000-8000-0000000000aa")
ISSUE = UUID("00000000-0000-7000-8000-0000000000bb")
ACTOR = UUID("00000000-0000-7000-8000-0000000000cc")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODO, DONE = StateCategory.TODO, StateCategory.DONE

NAMES = {
    f"project-{PROJECT}": "Python 3.9",
    f"project-{OTHER_PROJECT}": "Python 3.10",
    f"milestone-{MILESTONE}": "3.9.0 final",
    f"issue-{ISSUE}": "Parser crashes",
}

ABOUT_ACCESS: tuple[EventData, ...] = (
    OrganizationFounded(name="Python"),
    OrganizationPolicyAdopted(requires_if_match=True),
    OrganizationOffboarded(reason="Moved on"),
    MemberJoined(person_id=ACTOR, role=OrganizationRole.MEMBER),
    MemberRoleGranted(person_id=ACTOR, role=OrganizationRole.ADMIN, role_before=OrganizationRole.MEMBER),
    MemberLeft(person_id=ACTOR, role_before=OrganizationRole.ADMIN),
    ProjectMemberJoined(project_id=PROJECT, person_id=ACTOR, role=ProjectRole.VIEWER),
    ProjectMemberRoleGranted(
        project_id=PROJECT, person_id=ACTOR, role=ProjectRole.MANAGER, role_before=ProjectRole.VIEWER
    ),
    ProjectMemberLeft(project_id=PROJECT, person_id=ACTOR, role_before=ProjectRole.MANAGER),
    ApiKeyIssued(name="Reports", secret_hash="00", scopes=(Scope.READ, Scope.COMMENT)),
    ApiKeyRotated(secret_hash="01"),
    ApiKeyRevoked(),
    PersonErased(person_id=ACTOR),
)

ONE_OF_EACH: tuple[EventData, ...] = (
    ProjectProposed(project_id=PROJECT, name="Python 3.9", summary="The next Python"),
    CharterApproved(purpose="A new parser", finishes_on=date(2020, 10, 5)),
    MethodologyAdopted(methodology=Methodology.STAGE_GATE, reason="PEP 602"),
    WorkflowAdopted(
        states=(WorkflowState(name="Open", category=TODO), WorkflowState(name="Shut", category=DONE))
    ),
    PhaseEntered(phase=Phase.EXECUTING, state_before=ProjectState.PLANNING),
    ProjectPutOnHold(reason="no release manager", state_before=ProjectState.EXECUTING),
    ProjectResumed(state=ProjectState.EXECUTING),
    ProjectClosed(outcome="released", state_before=ProjectState.CLOSING),
    ProjectCancelled(reason="nobody wants it", state_before=ProjectState.PROPOSED),
    MilestonePlanned(project_id=PROJECT, name="3.9.0 final", target_on=date(2020, 6, 8)),
    MilestoneCommitted(baseline_on=date(2020, 6, 8)),
    MilestoneRebaselined(
        baseline_on_before=date(2020, 6, 8), baseline_on=date(2020, 10, 5), change="PEP 602", reason="annual"
    ),
    MilestoneReforecast(
        forecast_on_before=date(2020, 6, 8),
        forecast_on=date(2020, 10, 5),
        reason="PEP 602.",
        caused_by=(Cause(cause_class=CauseClass.DEFECT_OR_REWORK, stream=f"issue-{ISSUE}"),),
    ),
    MilestoneAchieved(achieved_on=date(2020, 10, 5)),
    MilestoneAchievementCorrected(
        achieved_on_before=date(2020, 10, 5), achieved_on=date(2020, 10, 6), reason="time zones"
    ),
    MilestoneAchievementWithdrawn(
        achieved_on_before=date(2020, 10, 5), state=MilestoneState.COMMITTED, reason="bad build"
    ),
    MilestoneCancelled(reason="merged into another", state_before=MilestoneState.PLANNED),
    MilestoneReinstated(reason="wanted after all", state=MilestoneState.PLANNED),
    IssueRaised(
        project_id=PROJECT, title="Parser crashes", state="Open", category=TODO, priority=Priority.HIGH
    ),
    IssueTriaged(
        kind=IssueKind.BUG, kind_before=IssueKind.TASK, priority=Priority.CRITICAL, note="blocks us"
    ),
    IssueAssigned(assignee_id=ACTOR, team="core"),
    IssueTransitioned(state_before="Open", category_before=TODO, state="Shut", category=DONE),
    IssueBlocked(reason="needs a decision", blocked_by=f"milestone-{MILESTONE}"),
    IssueUnblocked(reason="decided"),
    IssueEstimated(estimate=Decimal(3), unit=EstimateUnit.DAYS),
    IssueLinked(relation=LinkRelation.DELIVERS, target=f"milestone-{MILESTONE}"),
    IssueCommentedOn(comment_id=ISSUE, text="I see it too"),
    IssueReopened(state_before="Shut", category_before=DONE, state="Open", category=TODO, reason="again"),
    IssueMovedOut(to_project_id=OTHER_PROJECT, reason="belongs there"),
    IssueMovedIn(
        project_id=PROJECT,
        from_project_id=OTHER_PROJECT,
        state_before="Open",
        category_before=TODO,
        state="Open",
        category=TODO,
    ),
    IssueCancelled(
        reason="duplicate", state_before="Open", category_before=TODO, state="Shut", category=DONE
    ),
    *ABOUT_ACCESS,
)


AGGREGATES = {
    **{name: name for name in ("milestone", "issue", "organization", "member", "api_key")},
    "project_member": "member",
    "person": "member",
}
ENTITIES = {
    "milestone": MILESTONE,
    "issue": ISSUE,
    "organization": ORGANIZATION,
    "member": ACTOR,
    "api_key": ISSUE,
}


def recorded(data: EventData, position: int = 1, **changes: Any) -> Event:
    """An event as if it had been recorded at `NOON`; `changes` are fields of its envelope."""
    event_type = type_of(data)
    prefix = event_type.name.split(".")[0]
    aggregate = AGGREGATES.get(prefix, "project")
    values: dict[str, Any] = {
        "position": position,
        "event_id": UUID(int=position),
        "type": event_type.name,
        "schema_version": event_type.version,
        "org_id": ORGANIZATION,
        "project_id": PROJECT,
        "stream": stream_name(aggregate, ENTITIES.get(aggregate, PROJECT)),
        "version": 1,
        "recorded_at": NOON,
        "effective_at": NOON,
        "actor": ACTOR,
        "on_behalf_of": None,
        "correlation_id": None,
        "causation_id": None,
        "traceparent": None,
        "data": to_jsonable_python(data),
    }
    return Event(Envelope(**{**values, **changes}), data)
