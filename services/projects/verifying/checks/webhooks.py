"""What webhooks leave behind: a delivery that arrived was attempted, and no body is kept that nothing carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.projects.verifying.checks.told import ADVICE
from services.projects.verifying.consumer import Consumer
from services.projects.verifying.findings import Finding, Verdict
from services.projects.verifying.log import Event
from services.projects.verifying.places import Places

# Of both the first one, and how many there are.
NEVER_SENT = """
select jsonb_build_object('first', to_jsonb(found), 'all', count(*) over ())::text from deliveries as found
where state = 'delivered' and not exists (
    select from delivery_attempts as attempt
    where attempt.org_id = found.org_id and attempt.endpoint_id = found.endpoint_id
      and attempt.event_id = found.event_id and attempt.outcome = 'delivered'
)
order by position limit 1
"""
# What is older than deliveries are kept goes in its own time; so does what an organization leaves.
NEVER_CARRIED = """
select jsonb_build_object(
    'first', jsonb_build_object('org_id', org_id, 'event_id', event_id), 'all', count(*) over ()
)::text from webhook_bodies as body
where made_at > $1 and not org_id = any($2::text[]::uuid[]) and not exists (
    select from deliveries where deliveries.org_id = body.org_id and deliveries.event_id = body.event_id
)
order by org_id, event_id limit 1
"""


@dataclass(slots=True)
class Webhooks:
    """What the bodies say is compared with what carries them, by the check of deliveries."""

    consumer: Consumer
    kept_since: datetime
    verdict: Verdict

    @classmethod
    async def of(cls, places: Places) -> "Webhooks":
        kept_since = datetime.now(UTC) - places.settings.deliveries_kept
        verdict = Verdict("webhooks", ADVICE, tables={"notifications.webhook_bodies"})
        return cls(places.notifications, kept_since, verdict)

    async def see(self, events: Sequence[Event]) -> None:
        """They are read from where they are kept."""

    async def finish(self) -> None:
        session = self.consumer.session
        for row in await session.rows(NEVER_SENT):
            first = row["first"]
            key = {name: first[name] for name in ("org_id", "endpoint_id", "event_id")}
            finding = Finding("deliveries", "delivered without an attempt", first["position"], key)
            self.verdict.add(finding, row["all"])
        for row in await session.rows(NEVER_CARRIED, self.kept_since, list(self.consumer.forgotten)):
            finding = Finding("webhook_bodies", "carried by no delivery", None, row["first"])
            self.verdict.add(finding, row["all"])
        for state, count in await session.fetch(
            "select state, count(*) from deliveries group by state order by state"
        ):
            self.verdict.compared += count
            if state != "delivered":
                self.verdict.notes.append(f"{count} {state}")
