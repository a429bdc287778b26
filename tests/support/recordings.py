"""Items for the log, as short to write as they are to read."""

from dataclasses import replace
from uuid import UUID

from uuid_utils.compat import uuid7

from libs.events.envelope import stream_name
from libs.events.log.recording import Answer, Expectation, IdempotencyKey, NewEvent, Recording
from libs.events.portfolio import ProjectProposed

ORGANIZATION = UUID("00000000-0000-4000-8000-000000000001")
ACTOR = UUID("00000000-0000-4000-8000-00000000000a")


def proposing(
    project_id: UUID | None = None,
    *,
    version: int = 0,
    events: int = 1,
    key: IdempotencyKey | None = None,
    org_id: UUID = ORGANIZATION,
    name: str = "Apollo",
) -> Recording:
    """An item of some events on a project's stream that is expected at a version."""
    project_id = project_id or uuid7()
    stream = stream_name("project", project_id)
    return Recording(
        org_id=org_id,
        actor=ACTOR,
        expectations=(Expectation(stream, version),),
        events=tuple(
            NewEvent(
                uuid7(),
                stream,
                version + number,
                project_id,
                ProjectProposed(project_id=project_id, name=name),
            )
            for number in range(1, events + 1)
        ),
        answer=Answer(201, b'{"name":"Apollo"}', version + events, f"/v1/projects/{project_id}"),
        key=key,
    )


def keyed(recording: Recording, key: str, request_hash: bytes = b"hash") -> Recording:
    """The same item under an idempotency key."""
    return replace(recording, key=IdempotencyKey(key, request_hash))
