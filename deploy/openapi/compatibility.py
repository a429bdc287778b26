"""Whether clients of a published API document can go on with another one: within /v1 a document only grows.

What is asked may become more, but never be demanded; what is answered may become more, but nothing is taken away.
"""

from collections.abc import Iterator
from typing import Any

from deploy.openapi.narrowing import Direction, Schemas

Document = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "patch")


def breaking_changes(published: Document, current: Document) -> list[str]:
    """What would break a client of the published document, one sentence each, every one naming its operation."""
    found = list(_operations(published, current, Schemas(published, current)))
    return list(dict.fromkeys(found))


def _operations(published: Document, current: Document, schemas: Schemas) -> Iterator[str]:
    for path, item in published.get("paths", {}).items():
        for method in METHODS:
            if method not in item:
                continue
            name = f"{method.upper()} {path}"
            after = current.get("paths", {}).get(path, {}).get(method)
            if after is None:
                yield f"{name} was removed"
            else:
                yield from _operation(item[method], after, name, schemas)


def _operation(before: Document, after: Document, name: str, schemas: Schemas) -> Iterator[str]:
    if before["operationId"] != after["operationId"]:
        yield f"{name}: operationId was {before['operationId']}, is {after['operationId']}"
    if before.get("security") == [] and after.get("security") != []:
        yield f"{name} needs a token now"
    yield from _parameters(before, after, name, schemas)
    yield from _body(before.get("requestBody"), after.get("requestBody"), name, schemas)
    yield from _responses(before["responses"], after["responses"], name, schemas)


def _parameters(before: Document, after: Document, name: str, schemas: Schemas) -> Iterator[str]:
    old = {(each["in"], each["name"]): each for each in before.get("parameters", ())}
    new = {(each["in"], each["name"]): each for each in after.get("parameters", ())}
    for place, parameter in old.keys() - new.keys():
        yield f"{name}: the {place} parameter {parameter} was removed"
    for key, parameter in new.items():
        was_required = old.get(key, {}).get("required", False)
        if parameter.get("required", False) and not was_required:
            yield f"{name}: the {key[0]} parameter {key[1]} is required now"
        if key in old:
            where = f"{name}: the {key[0]} parameter {key[1]}"
            yield from schemas.changes(old[key]["schema"], parameter["schema"], Direction.ASKED, where)


def _body(before: Document | None, after: Document | None, name: str, schemas: Schemas) -> Iterator[str]:
    if before is None:
        if after is not None and after.get("required", False):
            yield f"{name}: a body is required now"
        return
    if after is None:
        yield f"{name}: the body was removed"
        return
    if after.get("required", False) and not before.get("required", False):
        yield f"{name}: the body is required now"
    yield from _content(before, after, Direction.ASKED, f"{name}: the body", schemas)


def _responses(before: Document, after: Document, name: str, schemas: Schemas) -> Iterator[str]:
    for status, response in before.items():
        where = f"{name}: the answer {status}"
        if status not in after:
            # An error that no longer occurs is missed by nobody.
            if status < "400":
                yield f"{where} was removed"
            continue
        for header in sorted(response.get("headers", {}).keys() - after[status].get("headers", {}).keys()):
            yield f"{where} has no header {header} any more"
        yield from _content(response, after[status], Direction.ANSWERED, where, schemas)
    for status in sorted(after.keys() - before.keys()):
        # 304 is the answer to a condition, which only those set who know it.
        if status < "400" and status != "304":
            yield f"{name}: the answer {status} is new, and nobody expects it"


def _content(
    before: Document, after: Document, direction: Direction, where: str, schemas: Schemas
) -> Iterator[str]:
    for media_type, content in before.get("content", {}).items():
        described = after.get("content", {}).get(media_type)
        if described is None:
            yield f"{where} is not {media_type} any more"
        elif "schema" in content and "schema" in described:
            yield from schemas.changes(content["schema"], described["schema"], direction, where)
