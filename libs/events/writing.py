"""Statements that are written together: whatever a batch changes goes to Postgres in one message.

None of them sees in a table what another one wrote, so no row may be in two of them; one that has a name may be
read by those behind it.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from libs.chassis.sessions import Connection

PARAMETER = re.compile(r"\$(\d+)")


class Write(NamedTuple):
    """A statement that changes rows, and its arguments. What it returns, later ones find under its name."""

    statement: str
    arguments: Sequence[Any] = ()
    name: str | None = None


def writes(statement: str, rows: Iterable[tuple[Any, ...]]) -> list[Write]:
    """The writing of rows by a statement that takes each of their columns as an array; nothing for no rows."""
    columns = list(zip(*rows, strict=True))
    return [Write(statement, columns)] if columns else []


async def write_together(connection: Connection, parts: Sequence[Write]) -> None:
    """Execute them as one statement; none is fine."""
    if parts:
        statement = _together(tuple((part.name, part.statement) for part in parts))
        await connection.execute(statement, *chain.from_iterable(part.arguments for part in parts))


@lru_cache(maxsize=256)
def _together(statements: tuple[tuple[str | None, str], ...]) -> str:
    """One statement with a part for each, whose parameters are numbered through."""
    parts, shift = [], 0
    for number, (name, statement) in enumerate(statements):
        parts.append(f"{name or f'part_{number}'} as ({_numbered_from(shift, statement)})")
        shift += max((int(each) for each in PARAMETER.findall(statement)), default=0)
    return f"with {', '.join(parts)} select"


def _numbered_from(shift: int, statement: str) -> str:
    return PARAMETER.sub(lambda match: f"${int(match.group(1)) + shift}", statement)
