"""What operators see of the log and its relay."""

from prometheus_client import Counter, Gauge, Histogram

APPEND_SECONDS = Histogram(
    "milepost_append_seconds",
    "Time of one append call, lock included.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)
APPEND_GROUP_ITEMS = Histogram(
    "milepost_append_group_items",
    "Items of one append call.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1000),
)
LOG_HEAD = Gauge("milepost_log_head_position", "Position of the last event in the log, as the relay saw it.")
RELAYED = Gauge("milepost_relay_position", "Position of the last event in the stream.")
RELAY_LAG_EVENTS = Gauge("milepost_relay_lag_events", "Events in the log that are not in the stream yet.")
RELAY_LAG_SECONDS = Gauge(
    "milepost_relay_lag_seconds", "Age of the oldest event that is not in the stream yet."
)
RELAY_BATCH_EVENTS = Histogram(
    "milepost_relay_batch_events",
    "Events of one published batch.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
RELAY_LEADING = Gauge("milepost_relay_leading", "1 while this process holds the relay's leader lock.")
RELAY_REFUSED = Gauge(
    "milepost_relay_refused",
    "1 while the stream is ahead of the log or diverged from it, so that nothing is relayed.",
)
RELAY_FENCED = Counter(
    "milepost_relay_fenced_total", "Batches the stream refused because another one came first."
)
STREAM_HEALED = Counter(
    "milepost_stream_healed_total", "Times the stream was created anew from the log.", ["cause"]
)
