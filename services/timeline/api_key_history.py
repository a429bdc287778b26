"""Which API keys an organization had, what they opened and until when: one row per change, with the state after it."""

from datetime import datetime
from typing import NamedTuple, TypeAlias, assert_never, cast
from uuid import UUID

from pydantic_core import to_json

from libs.events.access import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated
from libs.events.envelope import Event
from services.timeline.as_of import AsOf
from services.timeline.entity_history import EntityHistory, Explanation, Fields

ApiKeyEvent: TypeAlias = ApiKeyIssued | ApiKeyRotated | ApiKeyRevoked


# --- Rows ---


class ApiKey(NamedTuple):
    """An API key after one of its changes, known from position `known_from` on."""

    org_id: UUID
    api_key_id: UUID
    known_from: int
    version: int
    recorded_at: datetime
    effective_at: datetime
    name: str
    scopes: str
    """As JSON, `["read", …]`."""
    project_ids: str | None
    """As JSON; none: it reaches every project of the organization."""
    issued_at: datetime
    issued_by: UUID
    expires_at: datetime | None = None
    former_valid_until: datetime | None = None
    is_revoked: bool = False


def api_key_history() -> EntityHistory[ApiKey]:
    return EntityHistory(
        "api_key_history",
        1,
        aggregate="api_key",
        row_type=ApiKey,
        created_by=ApiKeyIssued,
        created=issued,
        changed=changed,
        explain=explain,
    )


# --- Project ---


def issued(event: Event) -> Fields:
    envelope, data = event.envelope, cast("ApiKeyIssued", event.data)
    return {
        "name": data.name,
        "scopes": to_json(data.scopes).decode(),
        "project_ids": None if data.project_ids is None else to_json(data.project_ids).decode(),
        "issued_at": envelope.effective_at,
        "issued_by": envelope.actor,
        "expires_at": data.expires_at,
    }


def changed(_: ApiKey, event: Event) -> Fields:
    data = cast("ApiKeyEvent", event.data)
    match data:
        case ApiKeyIssued():
            return {}
        case ApiKeyRotated():
            return {"former_valid_until": data.former_valid_until, "expires_at": data.expires_at}
        case ApiKeyRevoked():
            return {"is_revoked": True}
    assert_never(data)


def explain(event: Event) -> Explanation:
    """Why a key was revoked."""
    data = cast("ApiKeyEvent", event.data)
    match data:
        case ApiKeyRevoked():
            return Explanation(data.reason or None)
        case ApiKeyIssued() | ApiKeyRotated():
            return Explanation()
    assert_never(data)


# --- Ask ---

PRESENT = f"""
select {", ".join(ApiKey._fields)} from api_keys
where org_id = :org_id and known_from <= :position
"""

THEN = """
select change.* from api_keys entity
cross join lateral (
    select * from api_key_changes row
    where row.org_id = entity.org_id and row.api_key_id = entity.api_key_id and row.known_from <= :position
      and (:effective_at::timestamptz is null or row.effective_at <= :effective_at)
    order by row.known_from desc limit 1
) change
where entity.org_id = :org_id
"""


def source(as_of: AsOf) -> str:
    """The API keys of the organization as of then, as a table."""
    return PRESENT if as_of.is_present else THEN
