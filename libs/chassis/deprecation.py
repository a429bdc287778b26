"""Operations that will go: declared once, told in every answer (RFC 9745, RFC 8594) and in the API document."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

Header = tuple[bytes, bytes]
Operation = tuple[str, str]
SUNSET_PROPERTY = "x-sunset"


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when an operation is deprecated, when it goes (both aware), and the page that says what to use instead."""

    deprecated_at: datetime
    page: str
    sunset_at: datetime | None = None

    def headers(self) -> list[Header]:
        """`Deprecation`, `Link`, and `Sunset` if the day is known."""
        fields = {
            "deprecation": f"@{int(self.deprecated_at.timestamp())}",
            "link": f'<{self.page}>; rel="deprecation"; type="text/html"',
        }
        if self.sunset_at is not None:
            fields["sunset"] = _http_date(self.sunset_at)
        return [(name.encode(), value.encode()) for name, value in fields.items()]


# By method and path template, e.g. `("GET", "/v1/things/{thing_id}")`.
Deprecations = Mapping[Operation, Deprecation]
NONE: Deprecations = {}


def describe(document: dict[str, Any], deprecations: Deprecations) -> None:
    """Mark the operations in an API document; raises `KeyError` for one that does not exist."""
    for (method, path), deprecation in deprecations.items():
        operation = document["paths"][path][method.lower()]
        operation["deprecated"] = True
        operation["externalDocs"] = {"url": deprecation.page, "description": "What to use instead."}
        if deprecation.sunset_at is not None:
            operation[SUNSET_PROPERTY] = _http_date(deprecation.sunset_at)


def _http_date(instant: datetime) -> str:
    return format_datetime(instant.astimezone(UTC), usegmt=True)
