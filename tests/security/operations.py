"""Every operation of the three services as their API documents tell it, and requests made from nothing else."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from operator import getitem
from typing import Any
from uuid import uuid4

import httpx2

Ids = Mapping[str, str]
Document = dict[str, Any]

SERVICES = ("projects", "timeline", "notifications")
METHODS = ("get", "post", "put", "patch", "delete")
JSON, LINES, EVENTS = "application/json", "application/x-ndjson", "text/event-stream"
OWN_IDS = {"webhooks": "endpoint_id"}
IN_PATH = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Operation:
    """`names` are the ids in its path; `schema` is that of its JSON body, `None` where it takes none."""

    service: str
    method: str
    path: str
    document: Document = field(repr=False)
    schema: Document | None = field(repr=False)
    media_type: str | None
    is_stream: bool
    queries: frozenset[str] = frozenset()
    required_queries: tuple[Document, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def sent_by(self, client: httpx2.Client, request: dict[str, Any]) -> httpx2.Response:
        """The answer; of one that never ends, its status and headers."""
        if not self.is_stream:
            return client.request(**request)
        with client.stream(**request) as answer:
            if answer.is_success:
                return httpx2.Response(answer.status_code, headers=answer.headers)
            answer.read()
            return answer

    @property
    def names(self) -> list[str]:
        return IN_PATH.findall(self.path)

    @property
    def own_id(self) -> str | None:
        """The member of the body by which a client may choose the id of what it makes."""
        plural = self.path.rsplit("/", 1)[-1]
        return None if self.names else OWN_IDS.get(plural, plural.removesuffix("s").replace("-", "_") + "_id")

    def says_ids(self, ids: Ids) -> bool:
        """Whether a request of it names any entity."""
        body = self.body(ids)
        members = body.keys() if isinstance(body, dict) else frozenset()
        return bool(
            self.names
            or self.media_type == LINES
            or self.queries & ids.keys()
            or (members - {self.own_id}) & ids.keys()
        )

    def request(self, ids: Ids, **changes: Any) -> dict[str, Any]:
        """Arguments of `httpx2.Client.request`: every id it can name is one of `ids`."""
        path = IN_PATH.sub(lambda found: ids.get(found[1], "none"), self.path)
        asked = {name: ids[name] for name in self.queries if name in ids}
        asked |= {
            each["name"]: made(self.document, each["schema"], each["name"], ids)
            for each in self.required_queries
        }
        request: dict[str, Any] = {"method": self.method.upper(), "url": path, "params": asked}
        body = self.body(ids)
        if isinstance(body, dict):
            request["json"] = {**body, **changes}
        elif self.media_type == LINES:
            line = import_line("issue.comment", f"issue-{ids['issue_id']}", text="hello")
            request |= {"content": line, "headers": {"content-type": LINES}}
        return request

    def body(self, ids: Ids) -> Any:
        """A valid body, with the ids it may name; `None` where it takes none."""
        if self.schema is None:
            return None
        body = made(self.document, self.schema, "", ids)
        return {name: str(uuid4()) if name == self.own_id else value for name, value in body.items()}


def import_line(command: str, stream: str, **body: Any) -> bytes:
    """One command as a line of an import, true from now on."""
    said = {"key": str(uuid4()), "command": command, "stream": stream, "body": body}
    return json.dumps({**said, "effective_at": datetime.now(UTC).isoformat()}).encode() + b"\n"


def operations(documents: Mapping[str, Document]) -> Iterator[Operation]:
    """All of them, in the order of the documents."""
    for service, document in documents.items():
        for path, methods in document["paths"].items():
            for method in METHODS:
                if method in methods:
                    yield _operation(service, document, path, method)


def documents_of(clients: Mapping[str, httpx2.Client]) -> dict[str, Document]:
    return {service: client.get("/openapi.json").json() for service, client in clients.items()}


def _operation(service: str, document: Document, path: str, method: str) -> Operation:
    told = document["paths"][path][method]
    content = resolved(document, told.get("requestBody", {})).get("content", {})
    parameters = [resolved(document, each) for each in told.get("parameters", [])]
    queries = [each for each in parameters if each["in"] == "query"]
    return Operation(
        service,
        method,
        path,
        document,
        content[JSON]["schema"] if JSON in content else None,
        next(iter(content), None),
        EVENTS in resolved(document, told["responses"].get("200", {})).get("content", {}),
        frozenset(each["name"] for each in queries),
        tuple(each for each in queries if each.get("required")),
    )


def resolved(document: Document, part: Document) -> Document:
    """The part itself, or what it refers to."""
    while "$ref" in part:
        part = reduce(getitem, part["$ref"].removeprefix("#/").split("/"), document)
    return part


def made(document: Document, schema: Document, name: str, ids: Ids) -> Any:
    """A value that the schema allows: a known id under its name, the example, or the least there is."""
    schema = resolved(document, schema)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return made(document, schema[choice][0], name, ids)
    if schema.get("type") == "object":
        return _made_object(document, schema, ids)
    if name in ids:
        return ids[name]
    for given in ("const", "default", "example"):
        if given in schema:
            return schema[given]
    if schema.get("examples") or schema.get("enum"):
        return (schema.get("examples") or schema["enum"])[0]
    if schema.get("type") == "array":
        return [made(document, schema["items"], name.removesuffix("s"), ids)] * schema.get("minItems", 0)
    return _made_scalar(schema)


def _made_object(document: Document, schema: Document, ids: Ids) -> dict[str, Any]:
    properties = schema.get("properties", {})
    example = (schema.get("examples") or [schema.get("example") or {}])[0]
    wanted = {*schema.get("required", []), *example, *(properties.keys() & ids.keys())}
    return {
        name: example[name] if name in example and name not in ids else made(document, part, name, ids)
        for name, part in properties.items()
        if name in wanted
    }


def _made_scalar(schema: Document) -> Any:
    formats = {"uuid": str(uuid4()), "date": "2026-06-01", "date-time": "2026-03-02T12:00:00Z"}
    kinds = {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1), "boolean": True}
    if schema.get("type") in kinds:
        return kinds[schema["type"]]
    return formats.get(schema.get("format", ""), "text" + "x" * schema.get("minLength", 0))
