"""An example of every command and of its answer for the API document, decided and rendered by the code that answers."""

from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from libs.events.portfolio import ProjectState
from services.projects.access.api_key import IssueApiKey, RevokeApiKey, RotateApiKey
from services.projects.access.member import (
    ErasePerson,
    GrantRole,
    JoinOrganization,
    JoinProject,
    LeaveOrganization,
    LeaveProject,
)
from services.projects.access.organization import AdoptPolicy, FoundOrganization
from services.projects.aggregate import Aggregate, Command
from services.projects.facts import DEFAULT_WORKFLOW, Facts, ProjectFacts
from services.projects.portfolio.project.charter import (
    AdoptMethodology,
    AdoptWorkflow,
    ApproveCharter,
    ProposeProject,
)
from services.projects.portfolio.project.course import (
    CancelProject,
    CloseProject,
    EnterPhase,
    PutProjectOnHold,
    ResumeProject,
)
from services.projects.raid.issue.ending import CancelIssue, MoveIssue, ReopenIssue
from services.projects.raid.issue.intake import AssignIssue, EstimateIssue, RaiseIssue, TriageIssue
from services.projects.raid.issue.work import (
    BlockIssue,
    CommentOnIssue,
    LinkIssue,
    TransitionIssue,
    UnblockIssue,
)
from services.projects.rendering import resource_body
from services.projects.schedule.milestone.outcome import (
    AchieveMilestone,
    CancelMilestone,
    CorrectAchievement,
    ReinstateMilestone,
    WithdrawAchievement,
)
from services.projects.schedule.milestone.promise import (
    CommitMilestone,
    PlanMilestone,
    RebaselineMilestone,
    ReforecastMilestone,
)

PROJECT, OTHER_PROJECT, ENTITY, ISSUE, PERSON = (
    f"01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c1{number}" for number in range(1, 6)
)
SECRET = "c3" * 32
USED_AT = "2026-03-02T12:00:00Z"
STREAM = f"issue-{ISSUE}"
WAITING = {"name": "Waiting for the customer", "category": "waiting"}
STATES = [
    {"name": "To do", "category": "todo"},
    {"name": "In progress", "category": "active"},
    WAITING,
    {"name": "Done", "category": "done"},
    {"name": "Cancelled", "category": "cancelled"},
]

# Of each command: what is sent, and which commands came before it in the life of its resource.
BODIES: dict[type[Command], dict[str, Any]] = {
    FoundOrganization: {"organization_id": ENTITY, "name": "Example Works"},
    AdoptPolicy: {"requires_if_match": True},
    JoinOrganization: {"member_id": ENTITY, "role": "member"},
    GrantRole: {"role": "admin"},
    LeaveOrganization: {"reason": "Works elsewhere now."},
    JoinProject: {"project_id": PROJECT, "role": "contributor"},
    ErasePerson: {},
    LeaveProject: {"project_id": PROJECT, "reason": "The part is done."},
    IssueApiKey: {"name": "Release calendar", "scopes": ["read", "contribute"], "project_ids": [PROJECT]},
    RotateApiKey: {"former_valid_until": "2026-03-03T12:00:00Z"},
    RevokeApiKey: {"reason": "The integration was switched off."},
    ProposeProject: {"name": "New data center", "summary": "Out of the old one before its lease ends."},
    ApproveCharter: {
        "purpose": "The old data center closes.",
        "objectives": ["Everything runs in the new one."],
        "starts_on": "2026-01-12",
        "finishes_on": "2027-01-31",
    },
    AdoptMethodology: {"methodology": "hybrid", "reason": "Hardware in stages, software in sprints."},
    AdoptWorkflow: {"states": STATES},
    EnterPhase: {"phase": "executing"},
    PutProjectOnHold: {"reason": "The lease is negotiated anew."},
    ResumeProject: {},
    CloseProject: {"outcome": "Moved, three weeks late."},
    CancelProject: {"reason": "The lease was extended by ten years."},
    PlanMilestone: {"project_id": PROJECT, "name": "Go live", "target_on": "2027-01-31"},
    CommitMilestone: {"baseline_on": "2027-01-31"},
    RebaselineMilestone: {
        "baseline_on": "2027-03-31",
        "change": "CR-7: second site",
        "reason": "The board wants a second site.",
    },
    ReforecastMilestone: {
        "forecast_on": "2027-03-15",
        "reason": "The racks come late.",
        "caused_by": [{"cause_class": "external", "stream": STREAM, "note": "The supplier moved its date."}],
    },
    AchieveMilestone: {"achieved_on": "2026-03-02", "note": "Everything runs."},
    CorrectAchievement: {"achieved_on": "2026-03-01", "reason": "It was the day before."},
    WithdrawAchievement: {"reason": "The test was of the wrong site."},
    CancelMilestone: {"reason": "Not needed without a second site."},
    ReinstateMilestone: {"reason": "The second site comes after all."},
    RaiseIssue: {
        "project_id": PROJECT,
        "title": "It does not start",
        "description": "After the upgrade it does not start any more.",
        "kind": "bug",
        "priority": "high",
    },
    TriageIssue: {"kind": "problem", "priority": "critical", "note": "All machines have it."},
    AssignIssue: {"assignee_id": PERSON, "team": "Operations"},
    EstimateIssue: {"estimate": "3.5", "unit": "days"},
    TransitionIssue: {"state": "In progress", "note": "Found the log."},
    BlockIssue: {"reason": "No access to the machine.", "blocked_by": STREAM},
    UnblockIssue: {"reason": "Access was given."},
    LinkIssue: {"relation": "caused_by", "target": STREAM},
    CommentOnIssue: {"comment_id": PERSON, "text": "It is the power supply."},
    CancelIssue: {"reason": "The machine was taken out of service."},
    ReopenIssue: {"reason": "It happened again."},
    MoveIssue: {"project_id": OTHER_PROJECT, "reason": "It belongs to the new site."},
}
BEFORE: dict[type[Command], tuple[type[Command], ...]] = {
    LeaveProject: (JoinProject,),
    EnterPhase: (ApproveCharter,),
    PutProjectOnHold: (ApproveCharter, EnterPhase),
    ResumeProject: (ApproveCharter, EnterPhase, PutProjectOnHold),
    CloseProject: (ApproveCharter, EnterPhase),
    RebaselineMilestone: (CommitMilestone,),
    ReforecastMilestone: (CommitMilestone,),
    AchieveMilestone: (CommitMilestone,),
    CorrectAchievement: (CommitMilestone, AchieveMilestone),
    WithdrawAchievement: (CommitMilestone, AchieveMilestone),
    ReinstateMilestone: (CancelMilestone,),
    UnblockIssue: (BlockIssue,),
    ReopenIssue: (CancelIssue,),
}
IMPORT_LINE = {
    "key": "release-calendar-0001",
    "command": "milestone.plan",
    "stream": f"milestone-{ENTITY}",
    "effective_at": "2026-03-02T12:00:00Z",
    "body": BODIES[PlanMilestone],
}


def request_body(kind: type[Command]) -> dict[str, Any]:
    """What a client may send as that command. Raises `KeyError` for a command that has no example."""
    return BODIES[kind]


def answer(aggregate: Aggregate[Any], kind: type[Command]) -> dict[str, Any]:
    """What that command is answered with, given as the last of a short life."""
    creating = aggregate.creating[1]
    life = dict.fromkeys((creating, *BEFORE.get(kind, ()), kind))
    open_project = ProjectFacts(ProjectState.EXECUTING, DEFAULT_WORKFLOW)
    facts = Facts(
        projects={UUID(PROJECT): open_project, UUID(OTHER_PROJECT): open_project},
        existing=frozenset({STREAM}),
        actor=UUID(PERSON),
        entity_id=UUID(ENTITY),
        secret_hash=SECRET,
    )
    state, version = None, 0
    for each in life:
        for event in aggregate.decide(state, _command(aggregate, each), facts):
            state = aggregate.evolve(state, event)
            version += 1
    body: dict[str, Any] = from_json(resource_body(aggregate, UUID(ENTITY), version, state))
    if kind.makes_secret:
        body["secret"] = f"mpk_{UUID(PERSON).hex}{UUID(ENTITY).hex}_{SECRET}"
    return body


def _command(aggregate: Aggregate[Any], kind: type[Command]) -> Command:
    own_id = {aggregate.id_field: ENTITY} if kind is aggregate.creating[1] else {}
    return kind.model_validate_json(to_json({**BODIES[kind], **own_id}))


def lines(*values: dict[str, Any]) -> str:
    """NDJSON."""
    return "".join(to_json(value).decode() + "\n" for value in values)
