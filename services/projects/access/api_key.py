"""A key with which a program acts in an organization, as itself: scopes, the projects it reaches, an end.

Only the hash of its secret is ever recorded; the secret is told once, when it is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar, assert_never
from uuid import UUID

from pydantic import Field

from libs.events.access import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated, Scope
from services.projects.aggregate import (
    Aggregate,
    Command,
    Instant,
    Name,
    Rejection,
    Sentence,
    begun,
    unbegun,
)
from services.projects.facts import Facts
from services.projects.references import ProjectUnknown

PROJECTS_MAX = 100

# --- Commands ---


class IssueApiKey(Command):
    """Makes a key; the answer tells its secret, this once."""

    makes_secret = True
    is_importable = False

    api_key_id: UUID | None = Field(default=None, description="Default: a new one.")
    name: Name = Field(description="What the key is for.")
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=len(Scope))]
    project_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=PROJECTS_MAX)] | None = Field(
        default=None, description="The projects it reaches; left out: every one of the organization."
    )
    expires_at: Instant | None = Field(default=None, description="From then on it opens nothing.")

    def projects_referred(self) -> tuple[UUID, ...]:
        return self.project_ids or ()


class RotateApiKey(Command):
    """Gives the key a new secret, which the answer tells, this once."""

    makes_secret = True
    is_importable = False

    former_valid_until: Instant | None = Field(
        default=None, description="Until then the former secret works too; left out: no longer."
    )
    expires_at: Instant | None = Field(default=None, description="Default: as before.")


class RevokeApiKey(Command):
    """Makes the key open nothing any more, for good."""

    reason: Sentence = ""


ApiKeyCommand = IssueApiKey | RotateApiKey | RevokeApiKey

# --- Rejections ---


class ApiKeyUnknown(Rejection):
    """There is no such key."""


class ApiKeyAlreadyIssued(Rejection):
    """Another key was already issued under this id."""


class ApiKeyAlreadyRevoked(Rejection):
    """A revoked key opens nothing any more; issue a new one."""


# --- State ---


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The hashes are of the secret, and of the former one, which counts until `former_valid_until`."""

    project_id: ClassVar[UUID | None] = None

    name: str
    scopes: tuple[Scope, ...]
    secret_hash: str
    project_ids: tuple[UUID, ...] | None = None
    expires_at: datetime | None = None
    is_revoked: bool = False
    former_secret_hash: str | None = None
    former_valid_until: datetime | None = None


# --- Decide ---

ApiKeyEvent = ApiKeyIssued | ApiKeyRotated | ApiKeyRevoked


def decide(key: ApiKey | None, command: ApiKeyCommand, facts: Facts) -> Sequence[ApiKeyEvent]:
    if isinstance(command, IssueApiKey):
        return issue(key, command, facts)
    if key is None:
        raise ApiKeyUnknown
    match command:
        case RotateApiKey():
            return rotate(valid(key), command, facts)
        case RevokeApiKey():
            return [] if key.is_revoked else [ApiKeyRevoked(reason=command.reason)]
    assert_never(command)


def issue(key: ApiKey | None, command: IssueApiKey, facts: Facts) -> list[ApiKeyEvent]:
    if key is not None:
        raise ApiKeyAlreadyIssued
    if any(project_id not in facts.projects for project_id in command.projects_referred()):
        raise ProjectUnknown
    return [
        ApiKeyIssued(
            name=command.name,
            secret_hash=facts.secret_hash,
            scopes=tuple(sorted(set(command.scopes), key=list(Scope).index)),
            project_ids=command.project_ids,
            expires_at=command.expires_at,
        )
    ]


def valid(key: ApiKey) -> ApiKey:
    if key.is_revoked:
        raise ApiKeyAlreadyRevoked
    return key


def rotate(key: ApiKey, command: RotateApiKey, facts: Facts) -> list[ApiKeyEvent]:
    return [
        ApiKeyRotated(
            secret_hash=facts.secret_hash,
            former_valid_until=command.former_valid_until,
            expires_at=command.expires_at or key.expires_at,
        )
    ]


# --- Evolve ---


def evolve(key: ApiKey | None, event: ApiKeyEvent) -> ApiKey:
    if isinstance(event, ApiKeyIssued):
        unbegun(key)
        return ApiKey(event.name, event.scopes, event.secret_hash, event.project_ids, event.expires_at)
    key = begun(key)
    match event:
        case ApiKeyRotated():
            return replace(
                key,
                secret_hash=event.secret_hash,
                former_secret_hash=key.secret_hash if event.former_valid_until else None,
                former_valid_until=event.former_valid_until,
                expires_at=event.expires_at,
            )
        case ApiKeyRevoked():
            return replace(key, is_revoked=True)
    assert_never(event)


AGGREGATE = Aggregate(
    name="api_key",
    plural="api-keys",
    creating=("issue", IssueApiKey),
    commands={"rotate": RotateApiKey, "revoke": RevokeApiKey},
    decide=decide,
    evolve=evolve,
    action="administer",
    read_action="audit",
    hidden=frozenset({"secret_hash", "former_secret_hash"}),
    state=ApiKey,
    is_used=True,
)
