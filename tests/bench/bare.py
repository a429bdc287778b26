"""The yardstick of the command path: FastAPI with one POST of eight pydantic fields, and nothing behind it.

It answers with a ready response, which is the fastest FastAPI itself offers.
"""

from datetime import date
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import Response

BODY = (
    '{"project_id":"0198a000-0000-7000-8000-000000000001","name":"Beta","description":"Everything but the printer",'
    '"target_on":"2027-03-01","priority":3,"is_critical":true,"reason":"The supplier delivers later",'
    '"tags":["hardware","supplier"]}'
)


class Posted(BaseModel):
    project_id: UUID
    name: str
    description: str
    target_on: date
    priority: int
    is_critical: bool
    reason: str
    tags: list[str]


app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})


@app.post("/things")
async def post(body: Posted) -> Response:
    return Response(b'{"name":"Beta"}', 201, media_type="application/json")
