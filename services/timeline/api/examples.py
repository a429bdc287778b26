"""An example of each answer for the API document, made by the same code as the answers themselves."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from services.timeline.api import access_forms, issue_forms, milestone_forms, project_forms
from services.timeline.api.forms import Form, Standpoint
from services.timeline.api_key_history import ApiKey
from services.timeline.as_of import AsOf
from services.timeline.asking import Row
from services.timeline.issue_history import Issue
from services.timeline.measures.trend import trend
from services.timeline.member_history import Member
from services.timeline.milestone_history import Milestone
from services.timeline.project_history import Project

ORG, PROJECT, MILESTONE, ISSUE, PERSON, EVENT = (
    UUID(f"01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c1{number}") for number in range(6)
)
CURSOR = "cWx1ZXN0aW9uLi4u"


def _at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


AS_OF = AsOf(1042, _at("2019-10-01"))
STANDPOINT = Standpoint.of(AS_OF)


def _change(row: Any, type_name: str, note: str | None = None, detail: str | None = None) -> Row:
    fields: dict[str, Any] = row._asdict()
    return {**fields, "type": type_name, "actor": PERSON, "note": note, "detail": detail}


# --- A milestone ---

_planned = Milestone(
    ORG, MILESTONE, 1001, 1, _at("2019-06-04"), _at("2019-06-04"), PROJECT, "3.9.0 final", "planned",
    forecast_on=date(2020, 6, 8),
)  # fmt: skip
_committed = _planned._replace(known_from=1002, version=2, state="committed", baseline_on=date(2020, 6, 8))
_reforecast = _committed._replace(
    known_from=1040,
    version=3,
    recorded_at=_at("2019-09-09"),
    effective_at=_at("2019-09-09"),
    forecast_on=date(2020, 10, 5),
    reforecast_count=1,
)
_milestone_rows = [
    _change(_planned, "milestone.planned"),
    _change(_committed, "milestone.committed"),
    _change(
        _reforecast,
        "milestone.reforecast",
        "release calendar moved",
        '{"caused_by":[{"cause_class":"external","stream":null,"note":"PEP 602"}]}',
    ),
]
_milestone = milestone_forms.MilestoneForm.of(_milestone_rows[-1], AS_OF)
_milestone_changes = [milestone_forms.MilestoneChange.of(row) for row in _milestone_rows]
_reports = [milestone_forms.report(row) for row in _milestone_rows]
_trend = trend(_reports, _reports[-1], AS_OF.judged_on)

_milestones = milestone_forms.MilestoneList(as_of=STANDPOINT, items=[_milestone], next_cursor=CURSOR)
_one_milestone = milestone_forms.MilestoneAnswer(
    **_milestone.model_dump(), description=None, as_of=STANDPOINT
)
_milestone_history = milestone_forms.MilestoneHistory(
    as_of=STANDPOINT,
    milestone=_milestone,
    baselines=milestone_forms.dated_facts(_milestone_changes, "baseline_on"),
    forecasts=milestone_forms.dated_facts(_milestone_changes, "forecast_on"),
    actuals=milestone_forms.dated_facts(_milestone_changes, "achieved_on"),
    changes=_milestone_changes,
)
_milestone_trend = milestone_forms.trend_answer(_milestone, _trend, AS_OF)

# --- An issue ---

_raised = Issue(
    ORG, ISSUE, 1003, 1, _at("2019-09-20"), _at("2019-09-20"), PROJECT, "It does not start", "bug", "high", "To do",
    "todo", None, None, False, None, None, None, _at("2019-09-20"), _at("2019-09-20"), 1, 0, 0, 0,
)  # fmt: skip
_begun = _raised._replace(
    known_from=1041,
    version=2,
    recorded_at=_at("2019-09-21"),
    effective_at=_at("2019-09-21"),
    state="In progress",
    category="active",
    entered_state_at=_at("2019-09-21"),
    status_event_count=2,
)
_blocked = _begun._replace(
    known_from=1042,
    version=3,
    recorded_at=_at("2019-09-30"),
    effective_at=_at("2019-09-30"),
    is_blocked=True,
    blocked_at=_at("2019-09-30"),
)
_issue_rows: Sequence[Row] = [
    _change(_raised, "issue.raised", "After the upgrade it does not start any more."),
    _change(_begun, "issue.transitioned", "found the log"),
    _change(_blocked, "issue.blocked", "no access to the machine"),
]
_issue = issue_forms.IssueForm.of(_issue_rows[-1])

_issues = issue_forms.IssueList(as_of=STANDPOINT, items=[_issue], next_cursor=None)
_one_issue = issue_forms.IssueAnswer(
    **_issue.model_dump(), description=_issue_rows[0]["note"], as_of=STANDPOINT
)
_issue_history = issue_forms.history(_issue_rows, _at("2019-10-01"), AS_OF)

# --- A project ---

_project = project_forms.ProjectForm.of(
    Project(ORG, PROJECT, 1000, 1, _at("2019-06-04"), _at("2019-06-04"), "Python 3.9", "proposed")._asdict()
)
_activity = project_forms.ActivityForm(
    position=1040,
    recorded_at=_at("2019-09-09"),
    effective_at=_at("2019-09-09"),
    event_id=EVENT,
    type="milestone.reforecast",
    stream=f"milestone-{MILESTONE}",
    version=3,
    actor=PERSON,
    on_behalf_of=None,
    sentence="Milestone “3.9.0 final” was reforecast from 2020-06-08 to 2020-10-05: release calendar moved",
)

_projects = project_forms.ProjectList(as_of=STANDPOINT, items=[_project], next_cursor=None)
_one_project = project_forms.ProjectAnswer(**_project.model_dump(), as_of=STANDPOINT)
_activity_list = project_forms.ActivityList(as_of=STANDPOINT, items=[_activity], next_cursor=CURSOR)
_summary = project_forms.ProjectSummary(
    as_of=STANDPOINT,
    project=_project,
    milestones=project_forms.MilestoneCounts(
        planned=3, committed=12, achieved=4, cancelled=1, overdue=0, missed=2, reforecasts=9
    ),
    issues=project_forms.IssueCounts(
        todo=4, active=2, waiting=1, done=31, cancelled=0, blocked=1, reopenings=3, status_events=104
    ),
)

# --- Members and keys ---

_member = Member(
    ORG, PERSON, 1004, 2, _at("2019-06-04"), _at("2019-06-04"), "member", _at("2019-06-01"),
    f'{{"{PROJECT}": "manager"}}',
)  # fmt: skip
_key = ApiKey(
    ORG, EVENT, 1005, 1, _at("2019-06-05"), _at("2019-06-05"), "Nightly import", '["read", "contribute"]',
    f'["{PROJECT}"]', _at("2019-06-05"), PERSON, _at("2020-06-05"),
)  # fmt: skip

_members = access_forms.MemberList(
    as_of=STANDPOINT,
    items=[access_forms.MemberForm.of(_member._asdict(), lambda project_id: True)],
    next_cursor=CURSOR,
)
_project_members = access_forms.ProjectMemberList(
    as_of=STANDPOINT,
    items=[access_forms.ProjectMemberForm.of({**_member._asdict(), "project_role": "manager"})],
    next_cursor=None,
)
_api_keys = access_forms.ApiKeyList(
    as_of=STANDPOINT, items=[access_forms.ApiKeyForm.of(_key._asdict())], next_cursor=None
)


EXAMPLES: dict[str, Form] = {
    "listProjects": _projects,
    "getProject": _one_project,
    "listActivity": _activity_list,
    "getProjectSummary": _summary,
    "listMilestones": _milestones,
    "getMilestone": _one_milestone,
    "getMilestoneHistory": _milestone_history,
    "getMilestoneTrend": _milestone_trend,
    "listIssues": _issues,
    "getIssue": _one_issue,
    "getIssueHistory": _issue_history,
    "listMembers": _members,
    "listProjectMembers": _project_members,
    "listApiKeys": _api_keys,
}


def install(document: dict[str, Any]) -> None:
    """Put the examples into an API document, nulls included: the framework leaves those out of its own."""
    for path in document["paths"].values():
        operation = path["get"]
        example = EXAMPLES.get(operation["operationId"])
        if example is not None:
            content = operation["responses"]["200"]["content"]["application/json"]
            content["example"] = example.model_dump(mode="json")
