"""Answers of 1 KiB and more are compressed as the client accepts; streams are flushed with every piece they send."""

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

BYTES_MIN = 1_024

for media_type in ("application/problem+json", "application/schema+json"):
    add_compress_type(media_type)
add_compress_type("application/x-ndjson", streaming=True)


def compressing(app: ASGIApp) -> ASGIApp:
    """`app`, with compressed answers."""
    return CompressMiddleware(app, minimum_size=BYTES_MIN)


async def answer_ready(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer that is complete; a small one on the shortest way."""
    app = response if len(response.body) < BYTES_MIN else compressing(response)
    await app(scope, receive, send)
