"""`/v1/profiles/{person_id}`: what identifies a member. Events know people by their ids alone.

A person writes their own profile, administrators write everybody's; every member of the organization reads them.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from libs.access.authentication import current_caller
from libs.access.authorize import Action, authorize, not_found
from libs.chassis import bodies, conditional
from libs.chassis.identity import Caller
from services.projects.access.member import AGGREGATE as MEMBER
from services.projects.aggregate import WITHOUT_NUL, Name
from services.projects.loading import Aggregates
from services.projects.profiles import Profiles

Asker = Annotated[Caller, Depends(current_caller)]
Address = Annotated[str, StringConstraints(max_length=320, pattern=WITHOUT_NUL)]

EXAMPLE: dict[str, Any] = {"name": "Ada Lovelace", "email": "ada@example.org", "time_zone": "Europe/London"}

router = APIRouter(prefix="/v1/profiles", tags=["profiles"])


class WriteProfile(BaseModel):
    """What identifies a person, in place of what was known before."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        json_schema_extra={"example": EXAMPLE},
    )

    name: Name
    email: Address = Field(default="", description="Where mail for the person goes.")
    time_zone: Address = Field(default="UTC", description="IANA name of the zone the person lives in.")


class Profile(WriteProfile):
    """A person's profile."""

    model_config = ConfigDict(json_schema_extra={"example": {**EXAMPLE, "person_id": str(UUID(int=1))}})

    person_id: UUID


# The body is read by `bodies.read_body`, which is stricter about JSON than the framework.
TAKES = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": WriteProfile.model_json_schema()}},
    }
}


@router.get("/{person_id}", summary="Show profile", response_model=Profile)
async def show_profile(person_id: UUID, request: Request, asker: Asker) -> Response:
    """The profile of a member, as it is today; history shows ids, and this is what they stand for."""
    if asker.actor != person_id:
        authorize(asker, Action.READ, None)
    found = await _profiles(request).read(asker.org_id, person_id)
    if found is None:
        raise not_found()
    etag = conditional.etag(found.version)
    headers = {"ETag": etag, "Cache-Control": "no-store"}
    if conditional.is_unmodified(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(found.body, 200, headers, "application/json")


@router.put(
    "/{person_id}",
    summary="Write profile",
    response_model=Profile,
    openapi_extra=TAKES,
)
async def write_profile(person_id: UUID, request: Request, asker: Asker) -> Response:
    """Write a member's profile; the one before is gone."""
    if asker.actor != person_id or asker.key_scope is not None:
        authorize(asker, Action.ADMINISTER, None)
    wish = await bodies.read_body(request, WriteProfile)
    aggregates: Aggregates = request.app.state.aggregates
    member = await aggregates.current(MEMBER, asker.org_id, person_id)
    if member is None or member.state.role is None:
        raise not_found()
    body = Profile(person_id=person_id, **dict(wish)).model_dump_json().encode()
    version = await _profiles(request).write(asker.org_id, person_id, body)
    if version is None:
        raise not_found()
    headers = {"ETag": conditional.etag(version), "Cache-Control": "no-store"}
    return Response(body, 200, headers, "application/json")


async def erase(state: Any, org_id: UUID, person_id: UUID) -> None:
    """What follows `person.erased`; whoever gets no answer sends the command again, which comes here again."""
    profiles: Profiles = state.profiles
    await profiles.erase(org_id, person_id)


def _profiles(request: Request) -> Profiles:
    profiles: Profiles = request.app.state.profiles
    return profiles
