"""W3C trace context of what is being done now, and spans that cost nothing while nobody collects them.

`current()` is the `traceparent` to write into events and outgoing requests.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
_HEXADECIMAL = frozenset("0123456789abcdef")
# Trace ids need to be distinct, not secret.
_random = Random(os.urandom(32))
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))
_tracer: "Tracer | None" = None


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


def configure(service: str) -> None:
    """Export spans over OTLP/HTTP if `OTEL_EXPORTER_OTLP_ENDPOINT` says where to; otherwise do nothing."""
    global _tracer
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    # Imported here: the SDK costs a quarter of a second and 15 MB, which nobody pays who does not collect.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=5), max_queue_size=2_048))
    _tracer = provider.get_tracer("milepost")


def is_collecting() -> bool:
    """Whether spans are exported."""
    return _tracer is not None


@contextmanager
def span(
    name: str, *, traceparent: str | None = None, **attributes: str | int | float | bool
) -> Iterator[None]:
    """Do something as one span, child of `traceparent` or of what is being done now; errors mark the span."""
    parent = traceparent or _TRACEPARENT.get()
    if _tracer is None:
        token = _TRACEPARENT.set(child_of(parent))
        try:
            yield
        finally:
            _TRACEPARENT.reset(token)
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    context = propagator.extract({"traceparent": parent} if parent else {})
    with _tracer.start_as_current_span(name, context=context, attributes=attributes):
        carrier: dict[str, str] = {}
        propagator.inject(carrier)
        token = _TRACEPARENT.set(carrier["traceparent"])
        try:
            yield
        finally:
            _TRACEPARENT.reset(token)
