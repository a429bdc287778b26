"""CORS: which web pages may call this service from a browser. Without allowed origins none may, at no cost.

Callers name themselves by a bearer token, never by a cookie, so credentials are not allowed.
"""

from collections.abc import Collection, Mapping

from starlette.responses import Response

METHODS = "GET, HEAD, POST"
REQUEST_HEADERS = (
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, "
    "traceparent, tracestate"
)
# What a page may read beside the few headers that browsers always show.
EXPOSED = (
    "Allow, Deprecation, ETag, Idempotency-Replayed, Link, Location, Milepost-Head, Milepost-Position, RateLimit, "
    "RateLimit-Policy, Retry-After, Sunset, WWW-Authenticate"
)
PREFLIGHT_SECONDS = 7_200

Header = tuple[bytes, bytes]
VARY: Header = (b"vary", b"Origin")


class CrossOrigin:
    """The rules for other origins; `*` allows every one."""

    def __init__(self, origins: Collection[str] = ()) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._allows_any = b"*" in self._origins

    def __bool__(self) -> bool:
        return bool(self._origins)

    def preflight(self, method: str, fields: Mapping[bytes, bytes]) -> Response | None:
        """The answer to a browser that asks whether it may send a request; `None` if that is not the question."""
        if method != "OPTIONS" or b"origin" not in fields or b"access-control-request-method" not in fields:
            return None
        headers = {"Vary": "Access-Control-Request-Method, Access-Control-Request-Headers"}
        if self._allows(fields[b"origin"]):
            headers |= {
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": REQUEST_HEADERS,
                "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            }
        return Response(status_code=204, headers=headers)

    def headers(self, origin: bytes | None) -> list[Header]:
        """What every answer says to the page that asked."""
        headers = [] if self._allows_any else [VARY]
        if origin is not None and self._allows(origin):
            allowed = b"*" if self._allows_any else origin
            headers.append((b"access-control-allow-origin", allowed))
            headers.append((b"access-control-expose-headers", EXPOSED.encode()))
        return headers

    def _allows(self, origin: bytes) -> bool:
        return self._allows_any or origin in self._origins
