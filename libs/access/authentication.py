"""Who is calling, and what they may do: a token says who, the directory which roles they have today.

A bearer token is a JWT of the trusted issuer or an API key; nothing else ever becomes a `Caller`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.requests import Request

from libs.access import api_keys
from libs.access.directory import Directory
from libs.access.key_uses import KeyUses, NoteUse
from libs.chassis import noting, problem_codes, rate_limiting
from libs.chassis.clock import utc_now
from libs.chassis.identity import (
    ORGANIZATION_HEADER,
    Caller,
    Person,
    TokenVerifier,
    bearer_token,
    chosen_organization,
    unauthenticated,
)
from libs.chassis.problems import Problem

problem_codes.register(
    "not_a_member",
    403,
    "Not a member",
    "You are no member of this organization, or there is no such organization.",
)


class Authenticator:
    """Turns an `Authorization` header into a `Caller`.

    `grants_in_tokens` lets the roles a token claims count, where it claims any; only fit for trying things out.
    `note_use` is told of every key that let its holder in; `clock` tells the instant, aware and in UTC.
    """

    def __init__(
        self,
        tokens: TokenVerifier[Person],
        directory: Directory,
        note_use: NoteUse,
        *,
        grants_in_tokens: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._tokens = tokens
        self._directory = directory
        self._note_use = note_use
        self._grants_in_tokens = grants_in_tokens
        self._clock = clock

    async def caller(self, authorization: str | None, organization: str | None = None) -> Caller:
        """The caller; raises `Problem` 401 for a token that is not valid, 403 for who is no member.

        `organization` is the header `Milepost-Organization`, for tokens that name none.
        """
        token = bearer_token(authorization)
        if token.startswith(api_keys.PREFIX):
            return await self._program(token, organization)
        person = await self._tokens.identify(token)
        return await self._person(person.acting_in(organization))

    async def _person(self, told: Caller) -> Caller:
        noting.caller(told.org_id, told.actor)
        if self._grants_in_tokens and (told.org_role or told.project_roles):
            return told
        grants = await self._directory.person(told.org_id, told.actor)
        if grants is not None:
            return Caller(
                told.org_id,
                told.actor,
                grants.org_role,
                grants.project_roles,
                requires_if_match=grants.requires_if_match,
            )
        if self._grants_in_tokens:
            return replace(told, org_role=None)
        raise Problem(403, "not_a_member")

    async def _program(self, token: str, organization: str | None) -> Caller:
        key = api_keys.read(token)
        issued = await self._directory.api_key(key.org_id, key.api_key_id) if key else None
        now = self._clock()
        if key is None or issued is None or not issued.opens_with(key, now):
            raise unauthenticated("invalid_token")
        noting.caller(key.org_id, key.api_key_id)
        self._note_use(key.org_id, key.api_key_id, now)
        chosen_organization(key.org_id, organization)
        return Caller(
            key.org_id, key.api_key_id, key_scope=issued.scope, requires_if_match=issued.requires_if_match
        )


def install(app: Any, directory: Directory, uses: KeyUses) -> None:
    """Let an application authenticate its callers by that directory, and tell which keys they used."""
    app.state.directory = directory
    app.state.key_uses = uses
    app.loops["key uses"] = uses.run
    if hasattr(app.state, "token_verifier"):
        app.state.authenticator = Authenticator(
            app.state.token_verifier,
            directory,
            uses.note,
            grants_in_tokens=app.state.settings.grants_in_tokens,
        )


async def caller_in(state: Any, authorization: str | None, organization: str | None = None) -> Caller:
    """The caller an `Authorization` header names to the application with that state, as `Authenticator.caller`."""
    authenticator: Authenticator = state.authenticator
    caller = await authenticator.caller(authorization, organization)
    rate_limiting.spend(caller.org_id, caller.actor)
    return caller


async def current_caller(request: Request) -> Caller:
    """The caller of a request, also as a FastAPI dependency; raises `Problem` 401 or 403."""
    headers = request.headers
    return await caller_in(request.app.state, headers.get("authorization"), headers.get(ORGANIZATION_HEADER))


async def caller_again(request: Request) -> Caller:
    """What `current_caller` has become meanwhile, or its `Problem` 401 or 403; a request counts once, however long."""
    authenticator: Authenticator = request.app.state.authenticator
    headers = request.headers
    return await authenticator.caller(headers.get("authorization"), headers.get(ORGANIZATION_HEADER))
