"""Who may do what, as the log says it: a person's grants are the state of one aggregate, and so is a key."""

from uuid import UUID

from libs.access.directory import Grants, IssuedKey
from libs.chassis.identity import KeyScope
from services.projects.access.api_key import AGGREGATE as API_KEY
from services.projects.access.api_key import ApiKey
from services.projects.access.member import AGGREGATE as MEMBER
from services.projects.access.member import Member
from services.projects.access.organization import AGGREGATE as ORGANIZATION
from services.projects.access.organization import Organization
from services.projects.loading import Aggregates

AGE_SECONDS_MAX = 1.0


class LogDirectory:
    """The `Directory` of the service that owns the log; it looks again after a second."""

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates

    async def person(self, org_id: UUID, person_id: UUID) -> Grants | None:
        organization = await self._organization(org_id)
        if organization is None:
            return None
        loaded = await self._aggregates.current(MEMBER, org_id, person_id, AGE_SECONDS_MAX)
        member: Member | None = loaded.state if loaded else None
        if member is None or member.role is None:
            return None
        return Grants(member.role, member.project_roles, organization.requires_if_match)

    async def api_key(self, org_id: UUID, api_key_id: UUID) -> IssuedKey | None:
        organization = await self._organization(org_id)
        if organization is None:
            return None
        loaded = await self._aggregates.current(API_KEY, org_id, api_key_id, AGE_SECONDS_MAX)
        key: ApiKey | None = loaded.state if loaded else None
        if key is None or key.is_revoked:
            return None
        return IssuedKey(
            KeyScope(frozenset(key.scopes), None if key.project_ids is None else frozenset(key.project_ids)),
            key.secret_hash,
            key.expires_at,
            key.former_secret_hash,
            key.former_valid_until,
            organization.requires_if_match,
        )

    async def _organization(self, org_id: UUID) -> Organization | None:
        loaded = await self._aggregates.current(ORGANIZATION, org_id, org_id, AGE_SECONDS_MAX)
        organization: Organization | None = loaded.state if loaded else None
        return None if organization is None or organization.is_offboarded else organization
