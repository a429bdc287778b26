"""The single resource as ready-made bytes: its id, its version, then everything its state says."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.projects.aggregate import Aggregate


def resource_body(aggregate: Aggregate[Any], entity_id: UUID, version: int, state: Any) -> bytes:
    """The JSON of a resource. `version` is that of its stream, and its `ETag`."""
    head = f'{{"{aggregate.id_field}":"{entity_id}","version":{version},'.encode()
    fields = _adapter(aggregate).dump_json(state, exclude=_own_id(aggregate))
    return head + fields[1:]


_adapters: dict[str, TypeAdapter[Any]] = {}


def _adapter(aggregate: Aggregate[Any]) -> TypeAdapter[Any]:
    found = _adapters.get(aggregate.name)
    if found is None:
        found = _adapters[aggregate.name] = TypeAdapter(aggregate.state)
    return found


def _own_id(aggregate: Aggregate[Any]) -> set[str] | None:
    """A project's state names its own id, which stands first already."""
    return {aggregate.id_field} if aggregate.name == "project" else None
