"""Request bodies, strictly: JSON that means one thing only, to us and to whoever reads it after us."""

import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from libs.chassis.problems import Problem

DEPTH_MAX = 32
NODES_MAX = 10_000
# An unterminated string runs to the end, so that no input is scanned twice.
STRING = re.compile(rb'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, model: type[Model]) -> Model:
    """The body as a model. Raises `Problem` 400, and `pydantic.ValidationError`, which becomes a 422."""
    return model.model_validate_json(await read_json(request))


async def read_json(request: Request) -> bytes:
    """The raw body, checked to be strict JSON; raises `Problem` 400. Its type was checked before it was let in."""
    body = await request.body()
    require_strict(body)
    return body


def require_strict(body: bytes) -> None:
    """Raise `Problem` 400 unless it is UTF-8 JSON without duplicate names, NaN, NUL, lone surrogates or abysses."""
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX or body.count(b",") > NODES_MAX:
        structure = STRING.sub(b"", body)
        if structure.count(b",") > NODES_MAX or _is_too_deep(structure):
            raise malformed(f"The body has more than {NODES_MAX} values, or more than {DEPTH_MAX} levels.")
    try:
        decoded = _decoder.decode(body.decode())
        if b"\\u" in body or b"\\U" in body:
            _require_text(decoded)
    except (ValueError, RecursionError) as error:
        raise malformed("The body is not valid JSON.") from error


def malformed(detail: str) -> Problem:
    """The 400 of a body that can not be read as JSON."""
    return Problem(400, "malformed_request", detail)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _refuse(constant: str) -> None:
    raise ValueError("not a JSON number")


_decoder = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_refuse)


def _require_text(value: Any) -> None:
    """Refuse what JSON can escape but neither UTF-8 nor Postgres can hold."""
    match value:
        case str():
            value.encode()
            if "\0" in value:
                raise ValueError("NUL")
        case dict():
            for name, each in value.items():
                _require_text(name)
                _require_text(each)
        case list():
            for each in value:
                _require_text(each)


def _is_too_deep(structure: bytes) -> bool:
    depth = 0
    for character in structure:
        if character in b"{[":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif character in b"}]":
            depth -= 1
    return False
