"""Answers of 1 KiB and more are compressed as the client accepts; streams are flushed with every piece they send."""

from collections.abc import Container

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

BYTES_MIN = 1_024

for media_type in ("application/problem+json", "application/schema+json"):
    add_compress_type(media_type)
add_compress_type("application/x-ndjson", streaming=True)


def compressing(app: ASGIApp, streams: Container[str] = ()) -> ASGIApp:
    """`app`, with compressed answers; those of the paths in `streams` go on for hours.

    A compressor lives as long as its answer. Of a stream of events gzip keeps 80 KiB; brotli keeps 5 MiB and zstd 4 MiB
    in the end, and make it no smaller.
    """
    of_answers = CompressMiddleware(app, minimum_size=BYTES_MIN)
    of_streams = CompressMiddleware(app, minimum_size=BYTES_MIN, zstd=False, brotli=False)

    async def chosen(scope: Scope, receive: Receive, send: Send) -> None:
        await (of_streams if scope["path"] in streams else of_answers)(scope, receive, send)

    return chosen


async def answer_ready(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer that is complete; a small one on the shortest way."""
    app = response if len(response.body) < BYTES_MIN else CompressMiddleware(response, minimum_size=BYTES_MIN)
    await app(scope, receive, send)
