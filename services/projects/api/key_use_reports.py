"""`POST /internal/v1/key-uses`: the other services tell which API keys they let in, and when."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.access.key_use_reports import PATH, KeyUseReport
from libs.access.key_uses import KeyUse
from libs.chassis import bodies, identity
from libs.chassis.queries import refuse_except
from services.projects.key_uses import KeyUseTable


def routes() -> list[BaseRoute]:
    return [Route(PATH, take, methods=["POST"])]


async def take(request: Request) -> Response:
    """Remember the uses of one report."""
    await identity.service_caller(request)
    refuse_except(request)
    report = await bodies.read_body(request, KeyUseReport)
    table: KeyUseTable = request.app.state.key_use_table
    if report.uses:
        await table.tell([KeyUse(use.org_id, use.api_key_id, use.used_at) for use in report.uses])
    return Response(status_code=204)
