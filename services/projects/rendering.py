"""The single resource as ready-made bytes: its id, its version, then everything its state says."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from services.projects.aggregate import Aggregate


def resource_body(aggregate: Aggregate[Any], entity_id: UUID, version: int, state: Any) -> bytes:
    """The JSON of a resource. `version` is that of its stream, and its `ETag`."""
    head = f'{{"{aggregate.id_field}":"{entity_id}","version":{version},'.encode()
    adapter, unshown = _rendering(aggregate)
    return head + adapter.dump_json(state, exclude=unshown)[1:]


def with_last_use(body: bytes, last_used_at: datetime | None) -> bytes:
    """The resource with the instant of its last use, `None` for never."""
    return body[:-1] + b',"last_used_at":' + to_json(last_used_at) + b"}"


def hidden(aggregate: Aggregate[Any]) -> set[str]:
    """Fields of the state that are not shown; its own id, where it has one, stands first already."""
    return {aggregate.id_field, *aggregate.hidden} & {field.name for field in fields(aggregate.state)}


_renderings: dict[str, tuple[TypeAdapter[Any], set[str]]] = {}


def _rendering(aggregate: Aggregate[Any]) -> tuple[TypeAdapter[Any], set[str]]:
    found = _renderings.get(aggregate.name)
    if found is None:
        found = _renderings[aggregate.name] = (TypeAdapter(aggregate.state), hidden(aggregate))
    return found
