"""The directory of a service that does not own the log: answers from the tables that its subscription keeps.

Whose events wait because one of them could not be applied is not in it: what it says may have been taken from them.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from uuid import UUID

from libs.access.directory import Grants, IssuedKey
from libs.chassis.identity import KeyScope
from libs.chassis.organizations import Organizations

AGE_SECONDS_MAX = 1.0
KEPT_MAX = 10_000

# Nothing about this one, or about the organization, is parked.
IS_KNOWN = """
not exists (
    select from parked_sequences
    where org_id = $1 and sequence in ('{aggregate}-' || $2::uuid, 'organization-' || $1::uuid)
)
"""
PERSON = f"""
select member.role, organization.requires_if_match, project_ids, project_roles
from access_members member
join access_organizations organization using (org_id)
cross join lateral (
    select coalesce(array_agg(project_id), '{{}}') as project_ids, coalesce(array_agg(role), '{{}}') as project_roles
    from access_project_members project
    where project.org_id = member.org_id and project.person_id = member.person_id
) projects
where member.org_id = $1 and member.person_id = $2 and not organization.is_offboarded
  and {IS_KNOWN.format(aggregate="member")}
"""
API_KEY = f"""
select key.*, organization.requires_if_match
from access_api_keys key
join access_organizations organization using (org_id)
where key.org_id = $1 and key.api_key_id = $2 and not organization.is_offboarded
  and {IS_KNOWN.format(aggregate="api_key")}
"""

Answer = TypeVar("Answer")
Key = tuple[UUID, UUID]


class Recent(Generic[Answer]):
    """Answers, also negative ones, for a second; the oldest go first."""

    def __init__(self, clock: Callable[[], float], kept_max: int) -> None:
        self._clock = clock
        self._kept_max = kept_max
        self._kept: OrderedDict[Key, tuple[float, Answer | None]] = OrderedDict()

    def get(self, key: Key) -> tuple[Answer | None] | None:
        """The answer in a tuple; `None` where there is none young enough."""
        found = self._kept.get(key)
        return (found[1],) if found is not None and self._clock() < found[0] else None

    def put(self, key: Key, asked_at: float, answer: Answer | None) -> None:
        """Keep an answer to what was asked at that instant."""
        self._kept[key] = (asked_at + AGE_SECONDS_MAX, answer)
        self._kept.move_to_end(key)
        if len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)


class TableDirectory:
    """A `Directory` whose every question stays behind the wall of the organization asked about.

    `clock` is monotonic, in seconds; `kept_max` bounds the answers kept of each kind.
    """

    def __init__(
        self,
        organizations: Organizations,
        clock: Callable[[], float] = time.monotonic,
        kept_max: int = KEPT_MAX,
    ) -> None:
        self._organizations = organizations
        self._clock = clock
        self._people: Recent[Grants] = Recent(clock, kept_max)
        self._keys: Recent[IssuedKey] = Recent(clock, kept_max)

    async def person(self, org_id: UUID, person_id: UUID) -> Grants | None:
        """The grants of a member; `None` for who is none. Raises what the database raises."""
        return await self._answered(self._people, (org_id, person_id), PERSON, _grants)

    async def api_key(self, org_id: UUID, api_key_id: UUID) -> IssuedKey | None:
        """The key; `None` where there is none, or none any more. Raises what the database raises."""
        return await self._answered(self._keys, (org_id, api_key_id), API_KEY, _issued_key)

    async def _answered(
        self, recent: Recent[Answer], key: Key, statement: str, read: Callable[[Any], Answer]
    ) -> Answer | None:
        kept = recent.get(key)
        if kept is not None:
            return kept[0]
        asked_at = self._clock()
        async with self._organizations.transaction(key[0], readonly=True) as connection:
            row = await connection.fetchrow(statement, *key)
        answer = None if row is None else read(row)
        recent.put(key, asked_at, answer)
        return answer


def _grants(row: Any) -> Grants:
    roles = dict(zip(row["project_ids"], row["project_roles"], strict=True))
    return Grants(row["role"], MappingProxyType(roles), row["requires_if_match"])


def _issued_key(row: Any) -> IssuedKey:
    project_ids = row["project_ids"]
    return IssuedKey(
        KeyScope(frozenset(row["scopes"]), None if project_ids is None else frozenset(project_ids)),
        row["secret_hash"],
        row["expires_at"],
        row["former_secret_hash"],
        row["former_valid_until"],
        row["requires_if_match"],
    )
