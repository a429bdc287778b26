"""Query parameters, strictly: one the operation does not have is refused, since a misspelt filter would widen it."""

from collections.abc import Collection
from typing import Any
from weakref import WeakKeyDictionary

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Cookie, Header, Path
from starlette.requests import Request

from libs.chassis.faults import unknown_parameters

_known: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()


async def refuse_unknown(request: Request) -> None:
    """FastAPI dependency: raises `Problem` 422 for any query parameter the route does not declare."""
    if request.scope["query_string"]:
        endpoint = request.scope["endpoint"]
        known = _known.get(endpoint)
        if known is None:
            known = _known[endpoint] = _declared(request.scope["route"])
        refuse_except(request, known)


def refuse_except(request: Request, known: Collection[str]) -> None:
    """The same for routes that read the query themselves: raises `Problem` 422 for names not in `known`."""
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise unknown_parameters(unknown)


def _declared(route: Any) -> frozenset[str]:
    # The fields of a model of parameters come without a mark of their place.
    fields = get_flat_params(route.dependant)
    return frozenset(
        field.alias for field in fields if not isinstance(field.field_info, Path | Header | Cookie)
    )
