"""What operators see of the integrations that read over NATS."""

from prometheus_client import Counter, Gauge

ADMISSIONS = Counter("milepost_nats_admissions", "Integrations that asked to be let into NATS", ["outcome"])
DURABLES = Gauge("milepost_nats_durables", "Durable consumers of API keys")
