"""The page for people about every event in the catalogue.

`python -m libs.events.documentation` writes `docs/events.md`; with `--check` it only says whether the page is true.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from inspect import getdoc
from pathlib import Path
from types import ModuleType
from typing import Any

from libs.events.catalogue import EventType, event_types
from libs.events.json_schema import ATTRIBUTES, json_schema
from libs.events.vocabulary import CONTEXTS

PAGE = Path("docs/events.md")

# When a field is there, by the JSON of its default; one without a default, or with another, always is.
GIVEN = {"null": "if known", '""': "may be empty", "[]": "may be empty"}


def page() -> str:
    """The text of `docs/events.md`."""
    lines = [*_introduction(), *(line for context in CONTEXTS for line in _chapter(context))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _introduction() -> Iterator[str]:
    yield "# Events"
    yield ""
    yield "Written by `python -m libs.events.documentation` from `libs/events/`; edit there."
    yield ""
    yield "For programs: [asyncapi.json](asyncapi.json), which projects serves at `/asyncapi.json` and shows at"
    yield "`/asyncapi`, and the JSON Schema of each event, which projects serves where the event's `dataschema` says."
    yield ""
    yield "What services say to each other, and what integrations may hear. Events are CloudEvents 1.0 in JSON."
    yield "Ignore fields you do not know: fields may be added to a version, and nothing else ever changes in it."
    yield ""
    yield "## What every event carries"
    yield ""
    yield "| Attribute | Meaning |"
    yield "|---|---|"
    for name, attribute in ATTRIBUTES.items():
        yield f"| `{name}` | {attribute['description']} |"


def _chapter(context: ModuleType) -> Iterator[str]:
    parts: dict[str, Any] = {}
    yield ""
    yield f"## {context.__name__.rpartition('.')[2].capitalize()}"
    yield ""
    yield str(getdoc(context))
    for event_type in _events(context):
        schema = json_schema(event_type)
        parts |= schema.get("$defs", {})
        yield ""
        yield f"### {event_type.name}"
        yield ""
        yield f"{schema['description']} *Version {event_type.version}.*"
        yield from _fields(schema)
    yield ""
    yield "### Words used above"
    for name in sorted(parts):
        yield ""
        yield from _part(name, parts[name])


def _events(context: ModuleType) -> Iterator[EventType]:
    """In the order in which the context tells them, which is about the order of life."""
    by_model = {event_type.model: event_type for event_type in event_types()}
    for word in vars(context).values():
        if isinstance(word, type) and word.__module__ == context.__name__ and word in by_model:
            yield by_model[word]


def _part(name: str, schema: dict[str, Any]) -> Iterator[str]:
    description = schema.get("description", "")
    if "enum" in schema:
        values = ", ".join(f"`{value}`" for value in schema["enum"])
        yield " ".join(filter(None, (f"**{name}**: {values}.", description)))
    else:
        yield f"**{name}**: {description}"
        yield from _fields(schema)


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield "| Field | Type | Given | Meaning |"
    yield "|---|---|---|---|"
    for name, field in schema["properties"].items():
        given = GIVEN.get(json.dumps(field.get("default", 0)), "always")
        yield f"| `{name}` | {_type(field)} | {given} | {field.get('description', '')} |"


def _type(field: dict[str, Any]) -> str:
    """The type of a field in the words of the page."""
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"] if each.get("type") != "null")
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    words = {"uuid": "UUID", "date": "date", "date-time": "instant", "decimal": "decimal number as text"}
    return words.get(field.get("format", "")) or {"string": "text"}.get(field["type"], str(field["type"]))


def main() -> int:
    """Write the page, or with `--check` say by the exit code whether it is what it should be."""
    parser = argparse.ArgumentParser(prog="python -m libs.events.documentation", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the page is not what it should be")
    if parser.parse_args().check:
        if PAGE.exists() and PAGE.read_text() == page():
            return 0
        sys.stderr.write(f"{PAGE} is out of date; run: python -m libs.events.documentation\n")
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
