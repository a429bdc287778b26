"""Whether a schema may still go under the version it was published with.

Within a version one thing may change: an optional field may be added. Whatever else a reader or an old event
relies on needs a new version, which readers that do not know it wait for instead of misreading it.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

# They explain; nobody's program depends on them.
ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "$comment", "title", "description", "examples"})
STRUCTURE = frozenset({"properties", "required", "items", "anyOf", "$ref"})


def breaking_changes(published: Schema, current: Schema) -> list[str]:
    """What would break somebody, one sentence each, every one naming the field; none: the version may stay."""
    return list(_changes(published, current, published, current, "data"))


def _changes(
    published: Schema, current: Schema, all_published: Schema, all_current: Schema, where: str
) -> Iterator[str]:
    published, current = _resolved(published, all_published), _resolved(current, all_current)
    yield from _words(published, current, where)
    yield from _fields(published, current, where)
    for name in published.get("properties", {}).keys() & current.get("properties", {}).keys():
        field = f"{where}.{name}"
        yield from _changes(
            published["properties"][name], current["properties"][name], all_published, all_current, field
        )
    if "items" in published and "items" in current:
        yield from _changes(published["items"], current["items"], all_published, all_current, f"{where}[]")
    alternatives = published.get("anyOf", []), current.get("anyOf", [])
    if len(alternatives[0]) != len(alternatives[1]):
        yield f"{where} has another choice of types"
        return
    for before, after in zip(*alternatives, strict=True):
        yield from _changes(before, after, all_published, all_current, where)


def _resolved(schema: Schema, whole: Schema) -> Schema:
    """The schema itself where this one only refers to it; what it is called does not matter."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/$defs/")
    return {**whole["$defs"][name], **{word: schema[word] for word in schema if word != "$ref"}}


def _words(published: Schema, current: Schema, where: str) -> Iterator[str]:
    """Types, formats, enumerated values, bounds, defaults: all as they were."""
    for word in sorted((published.keys() | current.keys()) - ANNOTATIONS - STRUCTURE):
        before, after = published.get(word), current.get(word)
        if before != after:
            yield f"{where}: {word} was {before}, is {after}"


def _fields(published: Schema, current: Schema, where: str) -> Iterator[str]:
    before, after = published.get("properties", {}), current.get("properties", {})
    required_before, required_after = set(published.get("required", ())), set(current.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{where}.{name} was removed or renamed"
    for name in sorted(required_after - required_before):
        yield f"{where}.{name} is required now"
    for name in sorted((required_before - required_after) & after.keys()):
        yield f"{where}.{name} is no longer always there"
