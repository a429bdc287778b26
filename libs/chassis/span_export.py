"""Spans on their way to a collector over OTLP/HTTP; imported only where one is configured.

Nobody waits for the collector: spans queue in memory, are dropped when it is full, and go out in a thread.
"""

from threading import Thread

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from libs.chassis.ending import ENDING
from libs.chassis.tracing import Attributes, Kind

QUEUE_SPANS_MAX = 2_048
EXPORT_SECONDS_MAX = 5.0
CLOSE_SECONDS_MAX = 2.0
KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class OpenSpan:
    """A span that has begun; `traceparent` makes others its children."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: Span) -> None:
        self._span = span
        own = span.get_span_context()
        self.traceparent = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"

    def end(
        self, *, name: str | None = None, error: str | None = None, attributes: Attributes | None = None
    ) -> None:
        """It is over. `name` is what it turned out to be, `error` the kind of its failure."""
        if name is not None:
            self._span.update_name(name)
        if attributes:
            self._span.set_attributes(attributes)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class SpanExport:
    """The spans of one service. What the environment says of OpenTelemetry (`OTEL_…`) applies."""

    def __init__(self, service: str) -> None:
        resource = Resource.create({"service.name": service, "service.namespace": "milepost"})
        exporter = OTLPSpanExporter(timeout=EXPORT_SECONDS_MAX)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE_SPANS_MAX))
        self._tracer = self._provider.get_tracer("milepost")

    def start(self, name: str, kind: Kind, traces: list[str], attributes: Attributes) -> OpenSpan:
        """Begin a span: a child of the only traceparent given, or linked to each of several."""
        context = Context()
        if len(traces) == 1:
            context = set_span_in_context(NonRecordingSpan(_remote(traces[0])), context)
        links = [Link(_remote(each)) for each in traces] if len(traces) > 1 else []
        return OpenSpan(
            self._tracer.start_span(name, context, kind=KINDS[kind], attributes=attributes, links=links)
        )

    def close(self) -> None:
        """Send what is queued, for at most `CLOSE_SECONDS_MAX`: a collector that hangs keeps no process alive."""
        # The SDK itself would wait for half a minute.
        closing = Thread(target=self._provider.shutdown, name="closing span export", daemon=True)
        closing.start()
        closing.join(ENDING.seconds(CLOSE_SECONDS_MAX))


def _remote(traceparent: str) -> SpanContext:
    return SpanContext(
        trace_id=int(traceparent[3:35], 16),
        span_id=int(traceparent[36:52], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(traceparent[53:55], 16)),
    )
