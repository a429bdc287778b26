"""What is there before the load: an organization's projects and milestones, made through the public API."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from integrations.sending import client_for, send
from tests.bench.pressure import request
from tests.bench.system import System

FIRST_DAY = date(2030, 1, 1)
REASON = "The supplier moved the delivery of the housing by two weeks"
CAUSE = {"cause_class": "external", "note": "The supplier's own supplier is late"}


@dataclass
class Milestones:
    """Milestones of one project, and on which day they were forecast last: every new forecast is another day."""

    org_id: UUID
    token: str
    ids: Sequence[UUID]
    days: int = 0

    def reforecasts(self, connections: int) -> list[list[str]]:
        """For each connection the requests it sends over and over, each of which changes something."""
        earlier, later = self.next_day(), self.next_day()
        share = len(self.ids) // connections
        own = [self.ids[number * share : (number + 1) * share] for number in range(connections)]
        return [
            [self.reforecast(milestone_id, day) for day in (earlier, later) for milestone_id in ids]
            for ids in own
        ]

    def next_day(self) -> date:
        """A day to which no milestone was moved yet."""
        self.days += 1
        return FIRST_DAY + timedelta(days=self.days)

    def reforecast(self, milestone_id: UUID, day: date) -> str:
        body = json.dumps({"forecast_on": day.isoformat(), "reason": REASON, "caused_by": [CAUSE]})
        return request("POST", f"/v1/milestones/{milestone_id}/reforecast", body, self.token)


def plan_milestones(system: System, count: int) -> Milestones:
    """A project under way with so many committed milestones, in an organization of its own."""
    org_id, project_id = uuid4(), uuid4()
    ids = [uuid4() for _ in range(count)]
    token = system.token(org_id)
    with client_for(system.stack.url("projects"), token) as client:
        summary = send(client, list(_lines(project_id, ids)))
    assert not summary.refused, summary.refused[:3]
    return Milestones(org_id, token, ids)


def _lines(project_id: UUID, ids: Sequence[UUID]) -> Iterator[bytes]:
    yield _line(f"project-{project_id}", "project.propose", {"name": "The new line", "summary": ""})
    for number, milestone_id in enumerate(ids, start=1):
        stream = f"milestone-{milestone_id}"
        planned = {
            "project_id": str(project_id),
            "name": f"Sample {number}",
            "target_on": FIRST_DAY.isoformat(),
        }
        yield _line(stream, "milestone.plan", planned)
        yield _line(stream, "milestone.commit", {})


def _line(stream: str, command: str, body: Mapping[str, object]) -> bytes:
    effective_at = datetime.now(UTC).isoformat()
    line = {
        "key": str(uuid4()),
        "command": command,
        "stream": stream,
        "effective_at": effective_at,
        "body": body,
    }
    return json.dumps(line).encode()
