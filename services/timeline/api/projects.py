"""Projects: which there are, how one stands, what happened in it, and what it amounts to."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, Field

from libs.access.authentication import current_caller
from libs.access.authorize import not_found
from libs.chassis.identity import Caller
from libs.events.portfolio import Methodology, ProjectState
from services.timeline import activity, project_history
from services.timeline.api.asking import Listing, answer, asked, listed, shown
from services.timeline.api.forms import Standpoint
from services.timeline.api.project_forms import (
    ActivityForm,
    ActivityList,
    IssueCounts,
    MilestoneCounts,
    ProjectAnswer,
    ProjectForm,
    ProjectList,
    ProjectSummary,
)
from services.timeline.api.questions import FILTER_VALUES_MAX, AsOfParameters, PageParameters, Text
from services.timeline.asking import Conditions, Reading, Row, Sort
from services.timeline.summary import issue_counts, milestone_counts

router = APIRouter(prefix="/v1/timeline", tags=["projects"])

LISTING = Listing(
    sorts={
        "name": Sort('lower(name) collate "C"', "text"),
        "starts_on": Sort("coalesce(starts_on, 'infinity')", "date"),
        "finishes_on": Sort("coalesce(finishes_on, 'infinity')", "date"),
        "known_from": Sort("known_from", "bigint"),
    },
    default_sort="name",
    id_column="project_id",
)
ACTIVITY = Listing(
    sorts={"position": Sort("position", "bigint")}, default_sort="-position", id_column="event_id"
)


class ProjectFilter(PageParameters):
    """Which projects; every filter looks at the state as of then."""

    state: list[ProjectState] = Field(default=[], max_length=FILTER_VALUES_MAX)
    methodology: list[Methodology] = Field(default=[], max_length=FILTER_VALUES_MAX)
    q: Text | None = Field(default=None, description="Part of the name, in any case.")
    sort: Text | None = Field(default=None, description=f"{', '.join(LISTING.sorts)}; - for descending.")

    def conditions(self) -> Conditions:
        return (
            Conditions(project_history.source)
            .where("state = any(:states)", states=[state.value for state in self.state])
            .where(
                "methodology = any(:methodologies)", methodologies=[each.value for each in self.methodology]
            )
            .where("position(lower(:q::text) in lower(name)) > 0", q=self.q)
        )


class ActivityFilter(PageParameters):
    """What of the activity; newest first."""

    type: list[Text] = Field(
        default=[], max_length=FILTER_VALUES_MAX, description="Event types, such as milestone.reforecast."
    )
    stream: list[Text] = Field(
        default=[], max_length=FILTER_VALUES_MAX, description="Streams, such as issue-<uuid>."
    )
    actor: list[UUID] = Field(default=[], max_length=FILTER_VALUES_MAX)
    recorded_at_from: AwareDatetime | None = None
    recorded_at_before: AwareDatetime | None = None

    def conditions(self, project_id: UUID) -> Conditions:
        return (
            Conditions(activity.source)
            .where("project_id = :project_id", project_id=project_id)
            .where("type = any(:types)", types=self.type)
            .where("stream = any(:streams)", streams=self.stream)
            .where("actor = any(:actors)", actors=self.actor)
            .where("recorded_at >= :recorded_at_from", recorded_at_from=self.recorded_at_from)
            .where("recorded_at < :recorded_at_before", recorded_at_before=self.recorded_at_before)
        )


@router.get(
    "/projects",
    response_model=ProjectList,
    summary="Projects as of then",
)
async def list_projects(
    request: Request,
    parameters: Annotated[ProjectFilter, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    page = await listed(request, caller, parameters, LISTING, parameters.conditions(), parameters.sort)
    form = ProjectList(
        as_of=Standpoint.of(page.as_of),
        items=[ProjectForm.of(row) for row in page.rows],
        next_cursor=page.next_cursor,
    )
    return answer(form, page.as_of, headers=page.headers)


@router.get(
    "/projects/{project_id}",
    response_model=ProjectAnswer,
    summary="A project as of then",
)
async def get_project(
    request: Request,
    project_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        row = await existing_project(reading, project_id)
    form = ProjectAnswer(**ProjectForm.of(row).model_dump(), as_of=Standpoint.of(reading.as_of))
    return shown(request, form, reading.as_of, row["version"])


@router.get(
    "/projects/{project_id}/activity",
    response_model=ActivityList,
    summary="What happened in a project, in sentences, newest first",
)
async def list_activity(
    request: Request,
    project_id: UUID,
    parameters: Annotated[ActivityFilter, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    page = await listed(
        request,
        caller,
        parameters,
        ACTIVITY,
        parameters.conditions(project_id),
        check=lambda reading: existing_project(reading, project_id),
    )
    form = ActivityList(
        as_of=Standpoint.of(page.as_of),
        items=[ActivityForm.model_validate(dict(row)) for row in page.rows],
        next_cursor=page.next_cursor,
    )
    return answer(form, page.as_of, headers=page.headers)


@router.get(
    "/projects/{project_id}/summary",
    response_model=ProjectSummary,
    summary="What a project amounts to",
)
async def get_project_summary(
    request: Request,
    project_id: UUID,
    parameters: Annotated[AsOfParameters, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    async with asked(request, caller, parameters) as reading:
        row = await existing_project(reading, project_id)
        milestones = await milestone_counts(reading, project_id)
        issues = await issue_counts(reading, project_id)
    form = ProjectSummary(
        as_of=Standpoint.of(reading.as_of),
        project=ProjectForm.of(row),
        milestones=MilestoneCounts(**milestones),
        issues=IssueCounts(**issues),
    )
    return answer(form, reading.as_of, version=row["version"])


async def existing_project(reading: Reading, project_id: UUID) -> Row:
    """A project that existed then and may be seen now; raises `Problem` 404."""
    row = await project_history.project_then(reading, project_id)
    if row is None or not reading.scope.sees(project_id):
        raise not_found()
    return row
