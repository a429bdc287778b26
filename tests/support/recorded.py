"""One recorded event, for tests of what carries and reads events."""

from datetime import UTC, datetime
from uuid import UUID

from libs.events.envelope import Envelope, stream_name

ACHIEVED = Envelope(
    position=7,
    event_id=UUID(int=3),
    type="milestone.achieved",
    schema_version=1,
    org_id=UUID(int=1),
    project_id=UUID(int=2),
    stream=stream_name("milestone", UUID(int=4)),
    version=3,
    recorded_at=datetime(2011, 2, 21, 9, 30, 0, 120, tzinfo=UTC),
    effective_at=datetime(2011, 2, 20, 23, 59, 59, tzinfo=UTC),
    actor=UUID(int=5),
    on_behalf_of=UUID(int=6),
    correlation_id=UUID(int=7),
    causation_id=UUID(int=8),
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    data={"achieved_on": "2011-02-20", "note": "Shipped 🚀"},
)
