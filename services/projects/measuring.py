"""What operators see of the streams of events that frontends hold open."""

from prometheus_client import Counter, Gauge

STREAMS_OPEN = Gauge("milepost_event_streams_open", "Streams of events that are open.")
STREAMS_ENDED = Counter(
    "milepost_event_streams_ended_total",
    "Streams of events that ended, by reason; too_slow are readers that were dropped.",
    ["reason"],
)
EVENTS_STREAMED = Counter("milepost_events_streamed_total", "Events sent to streams, once for each of them.")
STREAMS_LAGGED = Counter(
    "milepost_event_streams_lagged_total", "Times a stream fell behind and went on from the database."
)
