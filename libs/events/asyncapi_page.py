"""The AsyncAPI document as a page for people: one HTML file, no scripts, nothing loaded from elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from html import escape
from itertools import groupby
from typing import Any

Json = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --paper: #fff; --soft: #f3f5f8; --line: #dde3ea; --accent: #0b6e69 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dbe2ea; --paper: #12181f; --soft: #1b232c; --line: #2c3743; --accent: #5cc4bd }
}
* { box-sizing: border-box }
body { margin: 0; display: flex; font: 1rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; flex: 0 0 17rem; padding: 1.5rem;
      background: var(--soft); border-right: 1px solid var(--line); font-size: .875rem }
nav b { display: block; margin-top: 1rem } nav a { display: block; padding: .1rem 0; overflow-wrap: anywhere }
main { flex: 1; min-width: 0; max-width: 60rem; padding: 1.5rem 2.5rem 6rem }
a { color: var(--accent); text-decoration: none } a:hover { text-decoration: underline }
h1 { margin-top: 0 } h2 { margin-top: 3rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line) }
section { margin: 1.5rem 0 2.5rem } h3 { margin-bottom: .25rem }
code, pre { font-family: ui-monospace, monospace; font-size: .875em }
code { background: var(--soft); padding: .1em .35em; border-radius: .25rem; overflow-wrap: anywhere }
pre { background: var(--soft); padding: 1rem; border-radius: .5rem; overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .925rem }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line) }
summary { cursor: pointer; color: var(--accent) }
.address { display: inline-block; font-size: 1rem; padding: .3em .6em }
@media (max-width: 50rem) { nav { display: none } main { padding: 1rem } }
"""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
<nav>{contents}</nav>
<main>
{content}
</main>
</html>
"""


def page(document: Json) -> str:
    """The whole page. It shows what this document of ours says; it is no viewer of any other."""
    events = {name: each for name, each in document["components"]["messages"].items() if "tags" in each}
    content = (
        *_introduction(document),
        *_ways(document),
        *_every_event(document),
        *_events(document, events),
    )
    return PAGE.format(
        title=escape(document["info"]["title"]),
        style=STYLE,
        contents="\n".join(_contents(document, events)),
        content="\n".join(content),
    )


def _contents(document: Json, events: Mapping[str, Json]) -> Iterator[str]:
    yield '<a href="#top">Events</a><b>Ways to receive them</b>'
    for name, channel in document["channels"].items():
        yield f'<a href="#{name}">{escape(channel["title"])}</a>'
    yield '<b>Events</b><a href="#every-event">What every event carries</a>'
    for aggregate, names in groupby(events, key=partial(_aggregate, events)):
        yield f"<b>{escape(aggregate)}</b>"
        yield from (f'<a href="#{escape(name)}">{escape(_label(events, name))}</a>' for name in names)


def _introduction(document: Json) -> Iterator[str]:
    yield f'<h1 id="top">{escape(document["info"]["title"])}</h1>'
    for paragraph in document["info"]["description"].split("\n\n"):
        items = paragraph.split("\n- ") if paragraph.startswith("- ") else []
        yield _list(items) if items else f"<p>{_prose(paragraph)}</p>"
    yield '<p>For programs: <a href="/asyncapi.json">the AsyncAPI document</a>, and the JSON Schema of each event.</p>'


def _list(items: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{_prose(item.removeprefix('- '))}</li>" for item in items) + "</ul>"


def _ways(document: Json) -> Iterator[str]:
    yield "<h2>Ways to receive them</h2>"
    by_channel = {_named(each["channel"]): each for each in document["operations"].values()}
    for name, channel in document["channels"].items():
        server = document["servers"][_named(channel["servers"][0])]
        yield f'<section id="{name}"><h3>{escape(channel["title"])}</h3>'
        method = by_channel[name]["bindings"].get("http", {}).get("method", "")
        if address := channel["address"]:
            yield f'<p><code class="address">{escape(f"{method} {address}".strip())}</code></p>'
        yield f"<p>{_prose(channel['description'])} {_prose(server['description'])}</p>"
        for scheme in server.get("security", ()):
            yield f"<p>{_prose(document['components']['securitySchemes'][_named(scheme)]['description'])}</p>"
        yield from _parameters(channel, by_channel[name])
        for message in map(_named, channel["messages"].values()):
            yield from _carrier(document, document["components"]["messages"][message])
        yield "</section>"


def _parameters(channel: Json, operation: Json) -> Iterator[str]:
    query = operation["bindings"].get("http", {}).get("query", {}).get("properties", {})
    rows = {**channel.get("parameters", {}), **query}
    if rows:
        yield _table("Parameter", {name: each["description"] for name, each in rows.items()})


def _carrier(document: Json, message: Json) -> Iterator[str]:
    """What is not an event itself but carries one: a page of them, or one with headers."""
    if "tags" in message:
        return
    if headers := message.get("headers", {}).get("properties"):
        yield _table("Header", {name: each["description"] for name, each in headers.items()})
    yield from _example(message)


def _every_event(document: Json) -> Iterator[str]:
    envelope = document["components"]["schemas"]["Event"]
    yield '<h2 id="every-event">What every event carries</h2>'
    yield f"<p>{_prose(envelope['description'])} {_schema_link('/schemas/envelope/1')}</p>"
    yield _table("Attribute", {name: each["description"] for name, each in envelope["properties"].items()})


def _events(document: Json, events: Mapping[str, Json]) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    for aggregate, names in groupby(events, key=partial(_aggregate, events)):
        yield f"<h2>{escape(aggregate)}</h2>"
        for name in names:
            yield f'<section id="{escape(name)}"><h3>{escape(_label(events, name))}</h3>'
            link = _schema_link(f"/schemas/{events[name]['name']}/{name.rpartition('.v')[2]}")
            yield f"<p>{_prose(events[name]['summary'])} {link}</p>"
            yield from _fields(schemas, schemas[name])
            yield from _example(events[name])
            yield "</section>"


def _fields(schemas: Mapping[str, Json], schema: Json) -> Iterator[str]:
    yield "<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>"
    for name, field in schema["properties"].items():
        kind = escape(_type(schemas, field)) + ("" if name in schema.get("required", ()) else ", optional")
        meaning = _prose(field.get("description", ""))
        yield f"<tr><td><code>{escape(name)}</code></td><td>{kind}</td><td>{meaning}</td></tr>"
    yield "</table>"


def _type(schemas: Mapping[str, Json], field: Json) -> str:
    """What may stand in a field; choices are spelled out, parts named with their fields."""
    if "$ref" in field:
        word = schemas[_named(field)]
        return " | ".join(word["enum"]) if "enum" in word else "{" + ", ".join(word["properties"]) + "}"
    if "anyOf" in field:
        return " or ".join(_type(schemas, each) for each in field["anyOf"] if each.get("type") != "null")
    if field["type"] == "array":
        return f"list of {_type(schemas, field['items'])}"
    return str(field.get("format", field["type"]))


def _table(first: str, rows: Mapping[str, str]) -> str:
    body = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_prose(meaning)}</td></tr>"
        for name, meaning in rows.items()
    )
    return f"<table><tr><th>{first}</th><th>Meaning</th></tr>{body}</table>"


def _example(message: Json) -> Iterator[str]:
    for example in message["examples"]:
        headers = "".join(f"{name}: {value}\n" for name, value in example.get("headers", {}).items())
        body = json.dumps(example["payload"], indent=2, ensure_ascii=False)
        text = f"{headers}\n{body}" if headers else body
        yield f"<details><summary>Example</summary><pre>{escape(text)}</pre></details>"


def _schema_link(path: str) -> str:
    return f'<a href="{escape(path)}">JSON Schema</a>'


def _aggregate(events: Mapping[str, Json], name: str) -> str:
    return str(events[name]["tags"][0]["name"])


def _label(events: Mapping[str, Json], name: str) -> str:
    return f"{events[name]['title']} v{name.rpartition('.v')[2]}"


def _named(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _prose(text: str) -> str:
    """A sentence in which words between backticks are code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
