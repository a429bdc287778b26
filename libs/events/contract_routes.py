"""What a stranger needs to understand events, served without a token: schemas, the AsyncAPI document, its page."""

import hashlib
import json
from functools import cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from libs.chassis.migrations import ROOT
from libs.events import asyncapi, asyncapi_page
from libs.events.schema_files import Published, schema_bytes

SCHEMA_MEDIA_TYPE = "application/schema+json"
ASYNCAPI_MEDIA_TYPE = "application/vnd.aai.asyncapi+json;version=3.1.0"
# A published schema only ever grows: whoever keeps one for a day accepts what the newer one accepts.
KEPT_FOR_A_DAY = "public, max-age=86400, immutable"
ASKED_FOR_AGAIN = "public, no-cache"
VERSION_DIGITS_MAX = 9


def routes() -> list[BaseRoute]:
    """`/schemas/{type}/{version}`, `/asyncapi.json` and `/asyncapi`."""
    return [
        Route("/schemas/{name}/{version}", _schema, methods=["GET"]),
        Route("/asyncapi.json", _document, methods=["GET"]),
        Route("/asyncapi", _page, methods=["GET"]),
    ]


async def _schema(request: Request) -> Response:
    version = request.path_params["version"]
    if not (version.isascii() and version.isdigit() and len(version) <= VERSION_DIGITS_MAX):
        raise HTTPException(404)
    which = Published(request.path_params["name"], int(version))
    body = schema_bytes(which)
    # One address for each: neither `/01` nor anything else that only means the same number.
    if body is None or version != str(which.version):
        raise HTTPException(404)
    return _answer(request, body, SCHEMA_MEDIA_TYPE, KEPT_FOR_A_DAY)


async def _document(request: Request) -> Response:
    return _answer(request, _document_bytes(), ASYNCAPI_MEDIA_TYPE, ASKED_FOR_AGAIN)


async def _page(request: Request) -> Response:
    return _answer(request, _page_bytes(), "text/html; charset=utf-8", ASKED_FOR_AGAIN)


@cache
def _document_bytes() -> bytes:
    return (ROOT / asyncapi.DOCUMENT).read_bytes()


@cache
def _page_bytes() -> bytes:
    return asyncapi_page.page(json.loads(_document_bytes())).encode()


def _answer(request: Request, body: bytes, media_type: str, kept: str) -> Response:
    """The whole of it, or 304 for whoever has it already."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": kept}
    seen = {each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")}
    if seen & {etag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
