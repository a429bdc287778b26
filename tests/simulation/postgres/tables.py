"""Tables as the repository's own migrations define them: columns, defaults and primary keys, rows in memory."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

TABLE = re.compile(r"^create table (?:if not exists )?(\w+) \(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
ADDED = re.compile(r"^alter table (\w+)\s+add column (\w+) ([^;]*);", re.MULTILINE)
COMMENT = re.compile(r"--[^\n]*")
KEY = re.compile(r"primary key(?: \(([^)]*)\))?")
DEFAULT = re.compile(r"default ('[^']*'|\w+)")
NO_COLUMN = ("primary", "check", "check(", "foreign", "unique", "constraint", "or", "and")
CONSTANTS: Mapping[str, Any] = {"null": None, "false": False, "true": True, "now": "now", "'{}'": ()}
IDENTITY: Any = object()

Key = tuple[Any, ...]
GROUPED_BY = 2


class Row(dict[str, Any]):
    """A row as the driver gives it: by name, by number, and unpacked in the order of its columns."""

    def __missing__(self, number: Any) -> Any:
        return list(self.values())[number]

    def __iter__(self) -> Any:
        return iter(self.values())


@dataclass(slots=True)
class Table:
    """`defaults` has every column, with its value where an insert gives none."""

    name: str
    defaults: Mapping[str, Any]
    key: tuple[str, ...]
    rows: dict[Key, Row] = field(default_factory=dict)
    groups: dict[Key, dict[Key, Row]] = field(default_factory=dict)
    """The same rows by the first two columns of their key, where it has more."""
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def key_of(self, row: Mapping[str, Any]) -> Key:
        return tuple([row[name] for name in self.key])

    def put(self, key: Key, row: Row | None) -> None:
        """Have this row at a key, or none."""
        places = [self.rows]
        if len(key) > GROUPED_BY:
            places.append(self.groups.setdefault(key[:GROUPED_BY], {}))
        for place in places:
            if row is None:
                place.pop(key, None)
            else:
                place[key] = row

    def absent(self, columns: Sequence[str]) -> dict[str, Any]:
        """The values of the columns that an insert does not give."""
        return {
            name: next(self.numbers) if value is IDENTITY else value
            for name, value in self.defaults.items()
            if name not in columns
        }


def empty_tables(migrations: tuple[str, ...]) -> dict[str, Table]:
    """Empty tables for the texts of migrations, in their order."""
    return {name: Table(name, defaults, key) for name, (defaults, key) in _definitions(migrations).items()}


@cache
def _definitions(migrations: tuple[str, ...]) -> dict[str, tuple[dict[str, Any], tuple[str, ...]]]:
    made: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {}
    for text in migrations:
        plain = COMMENT.sub("", text)
        for name, body in TABLE.findall(plain):
            made[name] = _definition(body, made)
        for name, column, rest in ADDED.findall(plain):
            made[name][0][column] = _default(rest)
    return made


def _definition(
    body: str, before: Mapping[str, tuple[dict[str, Any], tuple[str, ...]]]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    defaults: dict[str, Any] = {}
    key: tuple[str, ...] = ()
    for line in map(str.strip, body.splitlines()):
        first, _, rest = line.partition(" ")
        if first == "like":
            defaults |= before[rest.strip(", ")][0]
        elif rest and first not in NO_COLUMN:
            defaults[first] = _default(rest)
        if found := KEY.search(line):
            key = tuple(found[1].split(", ")) if found[1] else (first,)
    return defaults, key or tuple(defaults)


def _default(rest: str) -> Any:
    if "generated always as identity" in rest:
        return IDENTITY
    found = DEFAULT.search(rest)
    text = found[1] if found else "null"
    if text in CONSTANTS:
        return CONSTANTS[text]
    return int(text) if text.isdigit() else text.strip("'")
