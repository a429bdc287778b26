"""Rows as plain JSON: read so that no number changes, and written so that equal values are equal texts."""

import json
from decimal import Decimal
from typing import Any

# Made once: reading and writing rows is most of what the checker does.
_DECODER = json.JSONDecoder(parse_float=Decimal)


def parsed(text: str) -> Any:
    """The value of a JSON text; numbers with a fraction stay what they say."""
    return _DECODER.decode(text)


def canonical(value: Any) -> str:
    """One text for equal values, whatever the order of their members."""
    return _ENCODER.encode(value)


def as_text(value: Any) -> str:
    """A number that JSON has no exact type for."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is no JSON")
    return format(value.normalize(), "f")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=as_text)
