"""What operators see of notifications."""

from prometheus_client import Counter, Gauge, Histogram

MATCHES = Counter("milepost_notification_matches_total", "Pairs of an event and a rule it matched.")
INBOX_ITEMS = Counter("milepost_inbox_items_total", "Items put into inboxes.")
JOBS_MADE = Counter("milepost_webhook_jobs_total", "Webhook deliveries that were made.")
ATTEMPTS = Counter("milepost_webhook_attempts_total", "Attempts to deliver a webhook.", ["outcome"])
ATTEMPT_SECONDS = Histogram(
    "milepost_webhook_attempt_seconds",
    "Time an attempt took.",
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10),
)
IN_FLIGHT = Gauge("milepost_webhook_attempts_in_flight", "Attempts of this process that have no outcome yet.")
PARKED = Counter("milepost_webhook_jobs_parked_total", "Deliveries whose retry schedule is exhausted.")
OLDEST_PENDING_SECONDS = Gauge(
    "milepost_webhook_oldest_due_seconds", "How long the delivery that is due longest has been due."
)
DISABLED_ENDPOINTS = Gauge("milepost_webhook_endpoints_disabled", "Endpoints that were given up.")
