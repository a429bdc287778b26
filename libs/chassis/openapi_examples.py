"""Examples in the API document where an operation has none of its own: made from the schema, so that they fit it."""

from typing import Any

ID = "01987e9c-7d0a-7c5e-9a35-2f6c0f6f3c11"
BY_FORMAT = {
    "uuid": ID,
    "date": "2026-03-02",
    "date-time": "2026-03-02T12:00:00.000000Z",
    "duration": "P3D",
    "decimal": "3.5",
    "uri": "https://example.com/hooks",
    "uri-reference": f"/v1/milestones/{ID}",
    "email": "ada@example.com",
}
# By the name of the field or parameter, where any text would do but one says more.
BY_NAME: dict[str, Any] = {
    "Idempotency-Key": "2f6c0f6f-3c11-4a35-9a35-01987e9c7d0a",
    "If-Match": '"3"',
    "If-None-Match": '"3"',
    "Last-Event-ID": "1042",
    "Prefer": "wait=5",
    "cursor": None,
    "key": "release-calendar-0001",
    "limit": 50,
    "min_position": 1042,
    "q": "final",
    "sort": None,
    "stream": f"milestone-{ID}",
}
TEXT = "The release calendar moved."


def complete(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """Give an example to every parameter, every JSON body and every JSON answer that has none."""
    for schema in components["schemas"].values():
        for shown in schema.get("examples", ()):
            _fill(shown, schema, components)
    for parameter in operation.get("parameters", ()):
        if not _is_shown(parameter):
            shown = example_of(parameter["schema"], components, parameter["name"])
            if shown is not None:
                parameter["example"] = shown
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        content = body.get("content", {}).get("application/json")
        if content is not None and not _is_shown(content):
            content["example"] = example_of(content["schema"], components)


def example_of(schema: dict[str, Any], components: dict[str, Any], name: str = "") -> Any:
    """A value that fits a JSON Schema as services write them; `name` is that of the field it is for."""
    schema = _resolved(schema, components)
    if "examples" in schema:
        return schema["examples"][0]
    for word in ("example", "const"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    if "allOf" in schema:
        return example_of(schema["allOf"][0], components, name)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return example_of(schema[choice][0], components, name)
    return _of_type(schema, components, name)


def _of_type(schema: dict[str, Any], components: dict[str, Any], name: str) -> Any:
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "object":
            properties = schema.get("properties", {})
            return {field: example_of(each, components, field) for field, each in properties.items()}
        case "array":
            return [example_of(schema["items"], components, name)] if "items" in schema else []
        case "boolean":
            return bool(schema.get("default", False))
        case "integer" | "number":
            return BY_NAME.get(name) or schema.get("minimum", 0) or 3
        case "null":
            return None
    return _text(schema, name)


def _text(schema: dict[str, Any], name: str) -> Any:
    if name in BY_NAME:
        return BY_NAME[name]
    shown = BY_FORMAT.get(schema.get("format", ""), TEXT)
    return shown[: schema.get("maxLength", len(shown))]


def _fill(shown: Any, schema: dict[str, Any], components: dict[str, Any]) -> None:
    """Put back the nulls that are lost where the framework copies an example."""
    schema = _resolved(schema, components)
    if isinstance(shown, list):
        for each in shown:
            _fill(each, schema.get("items", {}), components)
    if isinstance(shown, dict):
        for name in schema.get("required", ()):
            shown.setdefault(name, None)
        for name, each in schema.get("properties", {}).items():
            _fill(shown.get(name), each, components)


def _resolved(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = components["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _is_shown(described: dict[str, Any]) -> bool:
    """Whether there is an example already, beside or in the schema."""
    schema = described.get("schema", {})
    return any(place.get(word) for place in (described, schema) for word in ("example", "examples"))
