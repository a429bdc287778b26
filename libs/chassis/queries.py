"""Query parameters, strictly: one the operation does not have is refused, since a misspelt filter would widen it.

One that takes a single value must not have two: proxy, service and reader might each believe another one.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, get_origin
from weakref import WeakKeyDictionary

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Cookie, Header, Path
from starlette.requests import Request

from libs.chassis.faults import repeated_parameters, unknown_parameters

# By name, whether a parameter may be repeated.
Known = Mapping[str, bool]
NONE: Known = {}

_known: WeakKeyDictionary[Any, Known] = WeakKeyDictionary()


async def refuse_unknown(request: Request) -> None:
    """FastAPI dependency: raises `Problem` 422 for a query parameter the route does not declare, or not that often."""
    if request.scope["query_string"]:
        endpoint = request.scope["endpoint"]
        known = _known.get(endpoint)
        if known is None:
            known = _known[endpoint] = _declared(request.scope["route"])
        refuse_except(request, known)


def refuse_except(request: Request, known: Known = NONE) -> None:
    """The same for routes that read the query themselves."""
    times = Counter(name for name, _ in request.query_params.multi_items())
    unknown = [name for name in times if name not in known]
    if unknown:
        raise unknown_parameters(unknown)
    repeated = [name for name, count in times.items() if count > 1 and not known[name]]
    if repeated:
        raise repeated_parameters(repeated)


def _declared(route: Any) -> Known:
    # The fields of a model of parameters come without a mark of their place.
    fields = get_flat_params(route.dependant)
    return {
        field.alias: _is_list(field.field_info.annotation)
        for field in fields
        if not isinstance(field.field_info, Path | Header | Cookie)
    }


def _is_list(annotation: Any) -> bool:
    """Whether values are collected: `list[X]`, or that or nothing."""
    alternatives = (
        getattr(annotation, "__args__", ()) if get_origin(annotation) is not list else (annotation,)
    )
    return any(get_origin(each) is list for each in alternatives)
