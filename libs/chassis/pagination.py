"""Pages of a collection by keyset: a cursor says after which row to go on, and belongs to one question.

The question is organization, path, filters and sort; a cursor brought to another one is refused.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request

from libs.chassis.faults import wrong_parameter
from libs.chassis.problems import Problem

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
CURSOR_CHARACTERS_MAX = 2_000
# They may change from page to page of the same question.
UNBOUND = frozenset({"cursor", "limit", "min_position"})

Key = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page somebody wants.

    `after` are the sort keys of the last row they have, `None` for the first page; `position` is the position
    the pages are pinned to, once the first one was answered.
    """

    limit: int
    after: tuple[Key, ...] | None
    position: int | None
    path: str
    parameters: tuple[tuple[str, str], ...]
    question: bytes

    def next_cursor(self, after: Sequence[Key], position: int | None = None) -> str:
        """The cursor that continues behind a row with these sort keys (JSON scalars), at that position."""
        payload = json.dumps([list(after), position], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self.question + _digest(payload) + payload).rstrip(b"=").decode()

    def headers(self, next_cursor: str | None) -> dict[str, str]:
        """`Link` with `first` and, if there is more, `next`; they agree with the body."""
        links = [f'<{self._url(None)}>; rel="first"']
        if next_cursor is not None:
            links.append(f'<{self._url(next_cursor)}>; rel="next"')
        return {"Link": ", ".join(links)}

    def _url(self, cursor: str | None) -> str:
        parameters = [each for each in self.parameters if each[0] != "cursor"]
        if cursor is not None:
            parameters.append(("cursor", cursor))
        return f"{self.path}?{urlencode(parameters)}" if parameters else self.path


def page_request(request: Request, org_id: UUID) -> PageRequest:
    """Read `limit` and `cursor`; raises `Problem` 422 if they are malformed or of another question."""
    parameters = tuple(request.query_params.multi_items())
    values: Mapping[str, str] = request.query_params
    bound = sorted(each for each in parameters if each[0] not in UNBOUND)
    question = _digest(json.dumps([str(org_id), request.url.path, bound]).encode())
    after, position = (None, None) if "cursor" not in values else _decoded(values["cursor"], question)
    return PageRequest(_limit(values.get("limit")), after, position, request.url.path, parameters, question)


def page_body(items: Sequence[bytes], next_cursor: str | None) -> bytes:
    """`{"items":[…],"next_cursor":…}` of items that are JSON already."""
    return b'{"items":[' + b",".join(items) + b'],"next_cursor":' + json.dumps(next_cursor).encode() + b"}"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One term of a sort order: a public name and its direction."""

    name: str
    descending: bool


def sort_keys(text: str | None, allowed: Sequence[str], default: str) -> tuple[SortKey, ...]:
    """Read `sort=-a,b`; raises `Problem` 422 for names that are not allowed or repeated."""
    keys = tuple(
        SortKey(term.removeprefix("-"), term.startswith("-")) for term in (text or default).split(",")
    )
    names = [key.name for key in keys]
    if not set(names).issubset(allowed) or len(set(names)) < len(names):
        raise wrong_parameter(
            "sort", f"sort takes, each once and with - for descending: {', '.join(allowed)}."
        )
    return keys


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= LIMIT_MAX):
        raise wrong_parameter("limit", f"limit must be from 1 to {LIMIT_MAX}.")
    return int(text)


def _decoded(cursor: str, question: bytes) -> tuple[tuple[Key, ...], int | None]:
    size = len(question)
    try:
        if len(cursor) > CURSOR_CHARACTERS_MAX:
            raise ValueError("too long")
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        payload = raw[2 * size :]
        if raw[size : 2 * size] != _digest(payload):
            raise ValueError("damaged")
        after, position = json.loads(payload)
    except (ValueError, TypeError, binascii.Error) as error:
        raise Problem(422, "invalid_cursor", **_at_cursor("invalid_cursor")) from error
    if raw[:size] != question:
        raise Problem(422, "cursor_mismatch", **_at_cursor("cursor_mismatch"))
    return tuple(after), position


def _at_cursor(code: str) -> dict[str, Any]:
    detail = "Start again without a cursor."
    return {"extra": {"errors": [{"parameter": "cursor", "code": code, "detail": detail}]}}


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=9).digest()
