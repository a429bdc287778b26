"""The yardstick of questions: one row by its primary key, through everything a question of timeline goes through.

`python -m tests.bench.plain_reading` serves it with timeline's settings: the guard, the caller's rights, the wall.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from libs.access import authentication
from libs.access.authentication import current_caller
from libs.access.key_use_reports import ReportsToProjects
from libs.access.key_uses import KeyUses
from libs.access.table_directory import TableDirectory
from libs.chassis import application, server
from libs.chassis.identity import Caller
from libs.chassis.organizations import Organizations
from libs.chassis.server import Program
from libs.chassis.service_client import ServiceClient
from services.timeline import projecting
from services.timeline.settings import Settings

ROW = "select * from milestones where org_id = $1 and milestone_id = $2"

router = APIRouter()


class Row(BaseModel):
    org_id: UUID
    milestone_id: UUID
    known_from: int
    version: int
    recorded_at: datetime
    effective_at: datetime
    project_id: UUID
    name: str
    state: str
    baseline_on: date | None
    forecast_on: date | None
    achieved_on: date | None
    reforecast_count: int


@router.get("/v1/rows/{milestone_id}")
async def get_row(
    request: Request, milestone_id: UUID, caller: Annotated[Caller, Depends(current_caller)]
) -> Response:
    organizations: Organizations = request.app.state.organizations
    async with organizations.transaction(caller.org_id, readonly=True) as connection:
        (row,) = await connection.fetch(ROW, caller.org_id, milestone_id)
    return Response(Row(**row).model_dump_json(), media_type="application/json")


@asynccontextmanager
async def program(settings: Settings, stopping: asyncio.Event) -> AsyncIterator[Program]:
    async with AsyncExitStack() as stack:
        database = await projecting.connect(
            settings.database_url, "plain reading", settings.database_connections_max
        )
        stack.push_async_callback(database.close)
        app = application.create("plain reading", settings, routers=(router,), stopping=stopping)
        app.state.organizations = Organizations(database)
        reports = ReportsToProjects(ServiceClient(settings.projects_url, settings.current_service_token))
        authentication.install(app, TableDirectory(app.state.organizations), KeyUses(reports))
        yield Program(app, app.loops)


if __name__ == "__main__":
    own = Settings()
    server.serve("plain reading", own, partial(program, own))
