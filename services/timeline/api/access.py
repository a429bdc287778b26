"""Who belonged to the organization and to its projects, and which API keys there were, as of any moment."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from libs.access.authentication import current_caller
from libs.access.authorize import Action, authorize, visible_projects
from libs.chassis.identity import Caller
from libs.events.access import OrganizationRole, ProjectRole
from services.timeline import api_key_history, member_history
from services.timeline.api.access_forms import (
    ApiKeyForm,
    ApiKeyList,
    MemberForm,
    MemberList,
    ProjectMemberForm,
    ProjectMemberList,
)
from services.timeline.api.asking import Listing, answer, listed
from services.timeline.api.forms import Standpoint
from services.timeline.api.projects import existing_project
from services.timeline.api.questions import FILTER_VALUES_MAX, PageParameters, Text
from services.timeline.asking import Conditions, Scope, Sort

router = APIRouter(prefix="/v1/timeline", tags=["access"])

KNOWN_FROM = Sort("known_from", "bigint")
MEMBERS = Listing(
    sorts={
        "joined_at": Sort("joined_at", "timestamptz"),
        "role": Sort("role", "text"),
        "known_from": KNOWN_FROM,
    },
    default_sort="joined_at",
    id_column="member_id",
)
PROJECT_MEMBERS = Listing(
    sorts={"role": Sort("project_role", "text"), "known_from": KNOWN_FROM},
    default_sort="known_from",
    id_column="member_id",
)
API_KEYS = Listing(
    sorts={
        "name": Sort('lower(name) collate "C"', "text"),
        "issued_at": Sort("issued_at", "timestamptz"),
        "expires_at": Sort("coalesce(expires_at, 'infinity')", "timestamptz"),
        "known_from": KNOWN_FROM,
    },
    default_sort="name",
    id_column="api_key_id",
)


class MemberFilter(PageParameters):
    """Which members; every filter looks at the state as of then."""

    role: list[OrganizationRole] = Field(default=[], max_length=FILTER_VALUES_MAX)
    sort: Text | None = Field(default=None, description=f"{', '.join(MEMBERS.sorts)}; - for descending.")

    def conditions(self) -> Conditions:
        return Conditions(member_history.source, by_project=False).where(
            "role = any(:roles)", roles=[role.value for role in self.role]
        )


class ProjectMemberFilter(PageParameters):
    """Which members of the project."""

    role: list[ProjectRole] = Field(default=[], max_length=FILTER_VALUES_MAX)
    sort: Text | None = Field(
        default=None, description=f"{', '.join(PROJECT_MEMBERS.sorts)}; - for descending."
    )

    def conditions(self, project_id: UUID) -> Conditions:
        return Conditions(
            member_history.source_in_project, values={"project_id": str(project_id)}, by_project=False
        ).where("project_role = any(:roles)", roles=[role.value for role in self.role])


class ApiKeyFilter(PageParameters):
    """Which keys."""

    state: Literal["active", "revoked"] | None = None
    sort: Text | None = Field(default=None, description=f"{', '.join(API_KEYS.sorts)}; - for descending.")

    def conditions(self) -> Conditions:
        wanted = None if self.state is None else self.state == "revoked"
        return Conditions(api_key_history.source, by_project=False).flag("is_revoked", wanted)


@router.get("/members", response_model=MemberList, summary="The members of the organization as of then")
async def list_members(
    request: Request,
    parameters: Annotated[MemberFilter, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    authorize(caller, Action.READ, None)
    page = await listed(request, caller, parameters, MEMBERS, parameters.conditions(), parameters.sort)
    sees = Scope(caller.org_id, visible_projects(caller)).sees
    form = MemberList(
        as_of=Standpoint.of(page.as_of),
        items=[MemberForm.of(row, sees) for row in page.rows],
        next_cursor=page.next_cursor,
    )
    return answer(form, page.as_of, headers=page.headers)


@router.get(
    "/projects/{project_id}/members",
    response_model=ProjectMemberList,
    summary="The members of a project as of then",
)
async def list_project_members(
    request: Request,
    project_id: UUID,
    parameters: Annotated[ProjectMemberFilter, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    page = await listed(
        request,
        caller,
        parameters,
        PROJECT_MEMBERS,
        parameters.conditions(project_id),
        parameters.sort,
        check=lambda reading: existing_project(reading, project_id),
    )
    form = ProjectMemberList(
        as_of=Standpoint.of(page.as_of),
        items=[ProjectMemberForm.of(row) for row in page.rows],
        next_cursor=page.next_cursor,
    )
    return answer(form, page.as_of, headers=page.headers)


@router.get("/api-keys", response_model=ApiKeyList, summary="The API keys of the organization as of then")
async def list_api_keys(
    request: Request,
    parameters: Annotated[ApiKeyFilter, Query()],
    caller: Annotated[Caller, Depends(current_caller)],
) -> Response:
    authorize(caller, Action.AUDIT, None)
    page = await listed(request, caller, parameters, API_KEYS, parameters.conditions(), parameters.sort)
    form = ApiKeyList(
        as_of=Standpoint.of(page.as_of),
        items=[ApiKeyForm.of(row) for row in page.rows],
        next_cursor=page.next_cursor,
    )
    return answer(form, page.as_of, headers=page.headers)
