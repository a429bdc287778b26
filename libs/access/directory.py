"""What is known of who belongs to an organization: the grants of its people, and its API keys.

`projects` answers from its log, the other services from tables that their subscription keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from libs.access.api_keys import KeyText
from libs.chassis.identity import KeyScope


@dataclass(frozen=True, slots=True)
class Grants:
    """The roles of one member; `requires_if_match` is their organization's policy."""

    org_role: str
    project_roles: Mapping[UUID, str] = field(default_factory=lambda: MappingProxyType({}))
    requires_if_match: bool = False


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """An API key that was not revoked; the former secret counts until `former_valid_until`."""

    scope: KeyScope
    secret_hash: str = field(repr=False)
    expires_at: datetime | None = None
    former_secret_hash: str | None = field(default=None, repr=False)
    former_valid_until: datetime | None = None
    requires_if_match: bool = False

    def opens_with(self, key: KeyText, now: datetime) -> bool:
        """Whether that secret is this key's at the instant `now`, and the key has not expired."""
        if self.expires_at is not None and self.expires_at <= now:
            return False
        if key.has_hash(self.secret_hash):
            return True
        is_former_valid = self.former_valid_until is not None and now < self.former_valid_until
        return is_former_valid and key.has_hash(self.former_secret_hash)


class Directory(Protocol):
    """Answers are at most a second old. Neither offboarded organizations nor revoked keys are in it."""

    async def person(self, org_id: UUID, person_id: UUID) -> Grants | None:
        """The grants of a member; `None` for who is none."""

    async def api_key(self, org_id: UUID, api_key_id: UUID) -> IssuedKey | None:
        """The key; `None` where there is none, or none any more."""
