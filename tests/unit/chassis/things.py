"""A small service to try the chassis with: things that can be asked for, fail, hang and stream."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated
from uuid import UUID

import asyncpg
import httpx2
from fastapi import APIRouter, Depends, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from libs.access import authentication
from libs.access.authentication import current_caller
from libs.access.directory import Grants, IssuedKey
from libs.access.key_uses import KeyUse, KeyUses
from libs.chassis import application, bodies, queries
from libs.chassis.application import Application
from libs.chassis.identity import Caller
from libs.chassis.problems import Problem
from libs.chassis.settings import ServiceSettings

CANARY = "hunter2 at db.internal"


class EmptyDirectory:
    """Knows nobody: only what tokens grant counts."""

    async def person(self, org_id: UUID, person_id: UUID) -> Grants | None:
        return None

    async def api_key(self, org_id: UUID, api_key_id: UUID) -> IssuedKey | None:
        return None


class Unheard:
    """Is told of uses of keys, of which there are none."""

    async def tell(self, uses: Sequence[KeyUse]) -> None:
        raise AssertionError("no key is known here")

    async def close(self) -> None:
        """Nothing was opened."""


def _refuse_bad_names(name: str) -> str:
    if name.startswith("bad"):
        raise ValueError(f"{name} is a bad name")
    return name


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, AfterValidator(_refuse_bad_names)]
    size: int


class Filters(BaseModel):
    state: str | None = None
    sort: str | None = None


router = APIRouter(prefix="/v1/things", tags=["things"])


@router.post("/{thing_id}/grow")
async def grow_thing(thing_id: int, thing: Thing) -> Thing:
    """Grow it."""
    return thing


@router.get("", dependencies=[Depends(queries.refuse_unknown)])
async def list_things(filters: Annotated[Filters, Query()], limit: int = 50) -> list[Thing]:
    """What there is."""
    return []


@router.get("/caller")
async def show_caller(caller: Annotated[Caller, Depends(current_caller)]) -> str:
    """Who asks."""
    return str(caller.actor)


@router.get("/refusing")
async def refuse() -> None:
    """Always refused."""
    raise Problem(409, "thing_gone", "It is gone.", extra={"since": 3}, headers={"X-Why": "because"})


FAILURES: dict[str, Exception] = {
    "mistake": RuntimeError(CANARY),
    "unique": asyncpg.UniqueViolationError(CANARY),
    "serialization": asyncpg.SerializationError(CANARY),
    "deadlock": asyncpg.DeadlockDetectedError(CANARY),
    "lock": asyncpg.LockNotAvailableError(CANARY),
    "statement": asyncpg.QueryCanceledError(CANARY),
    "disk": asyncpg.DiskFullError(CANARY),
    "connections": asyncpg.TooManyConnectionsError(CANARY),
    "shutdown": asyncpg.AdminShutdownError(CANARY),
    "starting": asyncpg.CannotConnectNowError(CANARY),
    "standby": asyncpg.ReadOnlySQLTransactionError(CANARY),
    "lost": asyncpg.ConnectionDoesNotExistError(CANARY),
    "refused": ConnectionRefusedError(CANARY),
    "interface": asyncpg.InterfaceError(CANARY),
    "pool": TimeoutError(CANARY),
    "nul": asyncpg.CharacterNotInRepertoireError(CANARY),
    "surrogate": asyncpg.UntranslatableCharacterError(CANARY),
    "syntax": asyncpg.PostgresSyntaxError(CANARY),
}


@router.get("/failing/{failure}")
async def fail(failure: str) -> None:
    """Always fails."""
    raise FAILURES[failure]


@router.get("/hanging")
async def hang() -> None:
    """Never answers."""
    await asyncio.Event().wait()


@router.get("/streaming")
async def stream() -> Response:
    """Answers slowly, but starts at once."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"."
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.1)

    return StreamingResponse(chunks())


async def plain(request: Request) -> Response:
    """A route of its own kind: it reads the body itself."""
    if request.method == "POST":
        await bodies.read_body(request, Thing)
    return Response(b'{"done":true}', media_type="application/json")


def create(settings: ServiceSettings) -> Application:
    app = application.create(
        "things",
        settings,
        routers=[router],
        routes=[
            Route("/v1/plain", plain, methods=["GET", "POST"]),
            Route("/v1/imports", partial(plain), methods=["POST"]),
        ],
    )
    authentication.install(app, EmptyDirectory(), KeyUses(Unheard()))
    return app


def client(app: Application) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app)
    return httpx2.AsyncClient(transport=transport, base_url="http://things")
