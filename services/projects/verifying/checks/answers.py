"""Answers remembered for whoever asks again: each stands where its events are in the log."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.projects.verifying.checks.positions import ADVICE
from services.projects.verifying.findings import Finding, Row, Verdict
from services.projects.verifying.log import Event, EventLog
from services.projects.verifying.places import Places

# Each statement sees whole commits: an answer, and the events it is for.
ANSWERS = """
select json_build_object('org_id', answer.org_id, 'actor', answer.actor, 'key', key, 'position', answer.position,
    'recorded_at', answer.recorded_at, 'is_there', answer.position = 0 or at.position is not null,
    'is_in_time', coalesce(at.recorded_at <= answer.recorded_at, true)
        and coalesce(behind.recorded_at >= answer.recorded_at, true)
)::text
from (
    select * from idempotency_keys where (org_id, actor, key) > ($1::text::uuid, $2::text::uuid, $3)
    order by org_id, actor, key limit $4
) as answer
left join events as at on at.position = answer.position
left join events as behind on behind.position = answer.position + 1
order by answer.org_id, answer.actor, key
"""
NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(slots=True)
class Answers:
    """Whoever asks again is told of events that are in the log: each answer stands where its events do."""

    log: EventLog
    verdict: Verdict = field(
        default_factory=lambda: Verdict("answers", ADVICE, tables={"projects.idempotency_keys"})
    )

    @classmethod
    async def of(cls, places: Places) -> "Answers":
        return cls(places.log)

    async def see(self, events: Sequence[Event]) -> None:
        """Answers are read from where they are kept, beside their events."""

    async def finish(self) -> None:
        after = (NOBODY, NOBODY, "")
        while page := await self.log.session.rows(ANSWERS, *after, self.log.page_rows):
            for answer in page:
                self._stands(answer)
            last = page[-1]
            after = (last["org_id"], last["actor"], last["key"])

    def _stands(self, answer: Row) -> None:
        key = {name: answer[name] for name in ("org_id", "actor", "key")}
        self.verdict.saw({**key, "position": answer["position"]})
        if not answer["is_there"]:
            what = "answered with a position that the log does not have"
        elif not answer["is_in_time"]:
            what = f"answered at {answer['recorded_at']}, which is not when that position was recorded"
        else:
            return
        self.verdict.add(Finding("idempotency_keys", what, answer["position"], key))
