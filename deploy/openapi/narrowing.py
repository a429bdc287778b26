"""What changes in a JSON Schema mean to those who send it, and to those who read it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]


class Direction(StrEnum):
    """Who writes what the schema describes: `asked` clients, `answered` the service."""

    ASKED = "asked"
    ANSWERED = "answered"


# A larger value of these allows more, of those less.
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
EXACT = ("pattern", "format", "const", "multipleOf", "uniqueItems", "contentEncoding", "contentMediaType")


class Schemas:
    """Compares schemas of two documents, each with the components its references lead to."""

    def __init__(self, published: Schema, current: Schema) -> None:
        self._published = published.get("components", {}).get("schemas", {})
        self._current = current.get("components", {}).get("schemas", {})
        self._entered: set[tuple[str, str, Direction]] = set()

    def changes(self, before: Schema, after: Schema, direction: Direction, where: str) -> Iterator[str]:
        """What breaks, one sentence each, beginning with `where`."""
        names = (str(before.get("$ref")), str(after.get("$ref")), direction)
        if "$ref" in before and names in self._entered:
            return
        if "$ref" in before:
            self._entered.add(names)
        before, after = _resolved(before, self._published), _resolved(after, self._current)
        if _choices(before) or _choices(after):
            yield from self._alternatives(before, after, direction, where)
        else:
            yield from self._single(before, after, direction, where)
        if "$ref" in before:
            self._entered.discard(names)

    def _alternatives(self, before: Schema, after: Schema, direction: Direction, where: str) -> Iterator[str]:
        """Each alternative that counts must still find one that fits: of what is asked the old, else the new ones."""
        old, new = _choices(before) or [before], _choices(after) or [after]
        if direction is Direction.ASKED:
            pairs = [(each, [(each, other) for other in new]) for each in old]
        else:
            pairs = [(each, [(other, each) for other in old]) for each in new]
        for each, candidates in pairs:
            attempts = [list(self.changes(*pair, direction, where)) for pair in candidates]
            if all(attempts):
                closest = min(attempts, key=len)
                kind = _resolved(each, self._published | self._current).get("type", "another form")
                known = all("type was" not in sentence for sentence in closest)
                yield from closest if known else [f"{where}: {kind} is no alternative {_moment(direction)}"]

    def _single(self, before: Schema, after: Schema, direction: Direction, where: str) -> Iterator[str]:
        yield from _types(before, after, direction, where)
        yield from _values(before, after, direction, where)
        yield from _bounds(before, after, direction, where)
        yield from self._fields(before, after, direction, where)
        if "items" in before and "items" in after:
            yield from self.changes(before["items"], after["items"], direction, f"{where}[]")
        extra = before.get("additionalProperties"), after.get("additionalProperties")
        if (
            direction is Direction.ASKED
            and extra[0] is not False
            and extra[1] is False
            and "properties" in before
        ):
            yield f"{where} takes no other fields any more"
        if isinstance(extra[0], dict) and isinstance(extra[1], dict):
            yield from self.changes(extra[0], extra[1], direction, f"{where}.*")

    def _fields(self, before: Schema, after: Schema, direction: Direction, where: str) -> Iterator[str]:
        old, new = before.get("properties", {}), after.get("properties", {})
        demanded, promised = set(after.get("required", ())), set(before.get("required", ()))
        for name in old:
            if name not in new:
                yield f"{where}.{name} was removed"
            else:
                yield from self.changes(old[name], new[name], direction, f"{where}.{name}")
        if direction is Direction.ASKED:
            for name in sorted(demanded - promised):
                yield f"{where}.{name} is required now"
        else:
            for name in sorted((promised - demanded) & new.keys()):
                yield f"{where}.{name} is no longer always there"


def _types(before: Schema, after: Schema, direction: Direction, where: str) -> Iterator[str]:
    old, new = _kinds(before), _kinds(after)
    allowed, given = (new, old) if direction is Direction.ASKED else (old, new)
    if allowed and (not given or not given <= allowed | ({"integer"} if "number" in allowed else set())):
        yield f"{where}: type was {_listed(old)}, is {_listed(new)}"


def _values(before: Schema, after: Schema, direction: Direction, where: str) -> Iterator[str]:
    """Enumerated values may be added, as fields may: clients take what they do not know as they take new fields."""
    old, new = before.get("enum"), after.get("enum")
    if old is not None and new is not None:
        for value in (value for value in old if value not in new):
            yield f"{where}: the value {value} was removed"
    elif new is not None and direction is Direction.ASKED:
        yield f"{where} takes only {len(new)} values now"
    elif old is not None and direction is Direction.ANSWERED and "const" not in after:
        yield f"{where} may be any value now"


def _bounds(before: Schema, after: Schema, direction: Direction, where: str) -> Iterator[str]:
    """What is asked may only be bound more loosely; of what is answered bounds are no promise, but forms are."""
    if direction is Direction.ASKED:
        for words, sign in ((UPPER, 1), (LOWER, -1)):
            for word in words:
                old, new = before.get(word), after.get(word)
                if new is not None and (old is None or sign * new < sign * old):
                    yield f"{where}: {word} was {old}, is {new}"
    for word in EXACT:
        old, new = before.get(word), after.get(word)
        is_narrower = new is not None if direction is Direction.ASKED else old is not None
        if old != new and is_narrower:
            yield f"{where}: {word} was {old}, is {new}"


def _resolved(schema: Schema, components: Schema) -> Schema:
    while "$ref" in schema:
        schema = components.get(schema["$ref"].rpartition("/")[2], {})
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return {
            **_resolved(schema["allOf"][0], components),
            **{k: v for k, v in schema.items() if k != "allOf"},
        }
    return schema


def _choices(schema: Schema) -> list[Schema]:
    return [*schema.get("anyOf", ()), *schema.get("oneOf", ())]


def _kinds(schema: Schema) -> set[str]:
    kind = schema.get("type")
    return set(kind) if isinstance(kind, list) else {kind} if kind else set()


def _listed(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds)) or "anything"


def _moment(direction: Direction) -> str:
    return "any more" if direction is Direction.ASKED else "anybody expects"
