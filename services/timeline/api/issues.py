"""Issues: which there are, how one stands, everything that happened to it, and its life as a chart."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, Field

from libs.access.authentication import current_caller
from libs.access.authorize import not_found
from libs.chassis.identity import Caller
from libs.events.portfolio import StateCategory
from libs.events.raid import IssueKind, Priority
from services.timeline import issue_history
from services.timeline.api import issue_forms
from services.timeline.api.asking import CHART, Listing, answer, asked, drawn, listed, shown
from services.timeline.api.forms import Standpoint
from services.timeline.api.issue_forms import IssueAnswer, IssueForm, IssueHistory, IssueList
from services.timeline.api.questions import FILTER_VALUES_MAX, AsOfParameters, PageParameters, Text
from services.timeline.asking import Conditions, Reading, Row, Sort
from services.timeline.charts.issue_life import issue_life_chart
from services.timeline.measures.time_in_state import blocks, stays

router = APIRouter(prefix="/v1/timeline", tags=["issues"])

PRIORITIES = "coalesce(array_position(array['low','medium','high','critical'], priority), 0)"
LISTING = Listing(
    sorts={
        "title": Sort('lower(title) collate "C"', "text"),
        "raised_at": Sort("raised_at", "timestamptz"),
        "entered_state_at": Sort("entered_state_at", "timestamptz"),
        "priority": Sort(PRIORITIES, "integer"),
        "status_event_count": Sort("status_event_count", "integer"),
        "known_from": Sort("known_from", "bigint"),
    },
    default_sort="raised_at",
    id_column="issue_id",
)


class IssueFilter(PageParameters):
    """Which issues; every filter looks at the state as of then."""

    project_id: list[UUID] = Field(default=[], max_length=FILTER_VALUES_MAX)
    state: list[Text] = Field(default=[], max_length=FILTER_VALUES_MAX)
    category: list[StateCategory] = Field(default=[], max_length=FILTER_VALUES_MAX)
    kind: list[IssueKind] = Field(default=[], max_length=FILTER_VALUES_MAX)
    priority: list[Priority] = Field(default=[], max_length=FILTER_VALUES_MAX)
    assignee_id: list[UUID] = Field(default=[], max_length=FILTER_VALUES_MAX)
    team: list[Text] = Field(default=[], max_length=FILTER_VALUES_MAX)
    is_blocked: bool | None = None
    was_reopened: bool | None = None
    raised_at_from: AwareDatetime | None = None
    raised_at_before: AwareDatetime | None = None
    q: Text | None = Field(default=None, description="Part of the title, in any case.")
    sort: Text | None = Field(default=None, description=f"{', '.join(LISTING.sorts)}; - for descending.")

    def conditions(self) -> Conditions:
        return (
            Conditions(issue_history.source)
            .where(issue_history.WAS_IN_PROJECTS, project_ids=self.project_id)
            .where("state = any(:states)", states=self.state)
            .where("category = any(:categories)", categories=[each.value for each in self.category])
            .where("kind = any(:kinds)", kinds=[kind.value for kind in self.kind])
            .where("priority = any(:priorities)", priorities=[each.value for each in self.priority])
            .where("assignee_id = any(:assignees)", assignees=self.assignee_id)
            .where("team = any(:teams)", teams=self.team)
            .flag("is_blocked", self.is_blocked)
            .flag("reopen_count > 0", self.was_reopened)
            .where("raised_at >= :raised_at_from", raised_at_from=self.raised_at_from)
            .where("raised_at < :raised_at_before", raised_at_before=self.raised_at_before)
            .where("position(lower(:q::text) in lower(title)) > 0", q=self.q)
        )


@router.get(
    "/issues",
    response_model=IssueList,
    summary="Issues as of then",
)
async def list_issues(
    request: Request,
    parameters: Annotated[IssueFilter, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    page = await listed(request, caller, parameters, LISTING, parameters.conditions(), parameters.sort)
    form = IssueList(
        as_of=Standpoint.of(page.as_of),
        items=[IssueForm.of(row) for row in page.rows],
        next_cursor=page.next_cursor,
    )
    return answer(form, page.as_of, headers=page.headers)


@router.get(
    "/issues/{issue_id}",
    response_model=IssueAnswer,
    summary="An issue as of then",
)
async def get_issue(
    request: Request,
    issue_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        rows = await _changes(reading, issue_id)
    form = IssueAnswer(
        **IssueForm.of(rows[-1]).model_dump(),
        description=rows[0]["note"],
        as_of=Standpoint.of(reading.as_of),
    )
    return shown(request, form, reading.as_of, rows[-1]["version"])


@router.get(
    "/issues/{issue_id}/history",
    response_model=IssueHistory,
    summary="Everything that happened to an issue",
)
async def get_issue_history(
    request: Request,
    issue_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        rows = await _changes(reading, issue_id)
    form = issue_forms.history(rows, _until(reading, rows), reading.as_of)
    return answer(form, reading.as_of, version=rows[-1]["version"])


@router.get(
    "/issues/{issue_id}/history.svg",
    response_class=Response,
    summary="The life of an issue as a chart",
    responses=CHART,
)
async def draw_issue_history(
    request: Request,
    issue_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        rows = await _changes(reading, issue_id)
    until = _until(reading, rows)
    statuses = issue_forms.statuses(rows)
    chart = issue_life_chart(rows[-1]["title"], stays(statuses, until), blocks(statuses, until), until)
    return await drawn(request, chart, reading.as_of)


async def _changes(reading: Reading, issue_id: UUID) -> list[Row]:
    """The changes of an issue up to then; 404 where it did not exist, or is in a project not to be seen."""
    rows = await issue_history.changes(reading, issue_id)
    if not rows or not reading.scope.sees(rows[-1]["home_project_id"]):
        raise not_found()
    return rows


def _until(reading: Reading, rows: list[Row]) -> datetime:
    last: datetime = rows[-1]["effective_at"]
    return max(reading.as_of.judged_at or last, last)
