"""W3C trace context of what is being done now, and spans that cost nothing while nobody collects them.

`current()` is the `traceparent` to write into events and outgoing requests.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from random import Random
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from libs.chassis.span_export import OpenSpan, SpanExport

Kind = Literal["internal", "server", "producer", "consumer"]
Attributes = Mapping[str, str | int]

LINKS_MAX = 64
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
_HEXADECIMAL = frozenset("0123456789abcdef")
# Trace ids need to be distinct, not secret.
_random = Random(os.urandom(32))
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))
_export: "SpanExport | None" = None
_UNCOLLECTED: AbstractContextManager[None] = nullcontext()
_NO_ATTRIBUTES: Attributes = {}


def current() -> str | None:
    """The `traceparent` of the request or unit of work this task belongs to."""
    return _TRACEPARENT.get()


def trace_id() -> str | None:
    """The 32 hexadecimal digits by which operators find everything that belongs together."""
    traceparent = _TRACEPARENT.get()
    return None if traceparent is None else traceparent[3:35]


def adopt(traceparent: str | None) -> str:
    """Make the current task a part of that trace, with a span id of its own; a new trace if it is invalid."""
    own = child_of(traceparent)
    _TRACEPARENT.set(own)
    return own


def child_of(traceparent: str | None) -> str:
    """The same trace with a new span id, or a new sampled trace where there is no valid parent."""
    if traceparent is not None and is_valid(traceparent):
        return f"00-{traceparent[3:35]}-{_random.getrandbits(64) or 1:016x}-{traceparent[53:55]}"
    return f"00-{_random.getrandbits(128) or 1:032x}-{_random.getrandbits(64) or 1:016x}-01"


def is_valid(traceparent: str) -> bool:
    """Whether it is a W3C `traceparent` we can continue: version 00, or the first fields of a later one."""
    if len(traceparent) < 55 or (
        len(traceparent) > 55 and (traceparent[:2] == "00" or traceparent[55] != "-")
    ):
        return False
    version, trace, span_id, flags = (
        traceparent[:2],
        traceparent[3:35],
        traceparent[36:52],
        traceparent[53:55],
    )
    return (
        traceparent[2] == traceparent[35] == traceparent[52] == "-"
        and _HEXADECIMAL.issuperset(version + trace + span_id + flags)
        and version != "ff"
        and trace.strip("0") != ""
        and span_id.strip("0") != ""
    )


@contextmanager
def continuing(traceparent: str | None) -> Iterator[None]:
    """Be a part of that trace for a while, as by `adopt`, and of what it was before afterwards."""
    token = _TRACEPARENT.set(child_of(traceparent))
    try:
        yield
    finally:
        _TRACEPARENT.reset(token)


def outgoing() -> dict[str, str]:
    """The headers by which a request to another service stays in this trace."""
    traceparent = _TRACEPARENT.get()
    return {} if traceparent is None else {"traceparent": traceparent}


def distinct(traceparents: Iterable[str | None]) -> list[str]:
    """One valid traceparent of each trace, in the order of the first ones; at most `LINKS_MAX` of them."""
    by_trace: dict[str, str] = {}
    for traceparent in dict.fromkeys(traceparents):
        if traceparent is not None and is_valid(traceparent):
            by_trace.setdefault(traceparent[3:35], traceparent)
            if len(by_trace) == LINKS_MAX:
                break
    return list(by_trace.values())


def configure(service: str) -> None:
    """Export spans over OTLP/HTTP if the environment says where to (`ENDPOINTS`); otherwise do nothing."""
    global _export
    if not any(map(os.environ.get, ENDPOINTS)) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    # Imported here: the SDK costs a quarter of a second and 15 MB, which nobody pays who does not collect.
    from libs.chassis.span_export import SpanExport

    _export = SpanExport(service)


def stop() -> None:
    """Send what is collected, as far as it goes within two seconds; nothing is collected afterwards."""
    global _export
    if _export is not None:
        _export.close()
        _export = None


def is_collecting() -> bool:
    """Whether spans are exported."""
    return _export is not None


def begin(name: str, traceparent: str | None) -> "OpenSpan":
    """Make the current task a part of that trace, as a span of a server, which the caller ends. While collecting."""
    if _export is None:
        raise RuntimeError("no spans are collected")
    span = _export.start(name, "server", distinct([traceparent]), _NO_ATTRIBUTES)
    _TRACEPARENT.set(span.traceparent)
    return span


def span(
    name: str, *, kind: Kind = "internal", attributes: Attributes = _NO_ATTRIBUTES
) -> AbstractContextManager[None]:
    """A part of what is being done now, as a span of its own; an error marks it. Nothing while nobody collects."""
    if _export is None:
        return _UNCOLLECTED
    return _collected(_export, name, kind, distinct([_TRACEPARENT.get()]), attributes)


def batch_span(
    name: str, kind: Kind, traces: list[str], attributes: Attributes = _NO_ATTRIBUTES
) -> AbstractContextManager[None]:
    """Work on messages of these traces, as told by `distinct`.

    Of one trace, it is a child in it. Of several, it is a trace of its own with a link to each, as OpenTelemetry's
    conventions for messaging have it: a span has one parent, and none of the messages is more the cause than others.
    """
    if _export is None:
        return continuing(traces[0] if len(traces) == 1 else None)
    return _collected(_export, name, kind, traces, attributes)


@contextmanager
def _collected(
    export: "SpanExport", name: str, kind: Kind, traces: list[str], attributes: Attributes
) -> Iterator[None]:
    span = export.start(name, kind, traces, attributes)
    token = _TRACEPARENT.set(span.traceparent)
    error: str | None = None
    try:
        yield
    except BaseException as raised:
        # The class alone: a driver's text may quote what people wrote.
        error = type(raised).__name__
        raise
    finally:
        _TRACEPARENT.reset(token)
        span.end(error=error)
