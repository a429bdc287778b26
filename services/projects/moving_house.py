"""An organization moves house: all its events and profiles, out of one installation and into another.

Events keep their ids, streams, versions, actors and effective instants; positions and recording instants are those of
the log they are in. Profiles are opened for the file and sealed with new keys where they arrive; whoever the log says
was erased gets none. An offboarding stays behind: where the organization arrives, it lives on.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import groupby, islice
from uuid import UUID

from libs.chassis.organization_files import Item, NotImportable, Report
from libs.events import catalogue
from libs.events.access import OrganizationOffboarded
from libs.events.envelope import Event, read_cloud_event
from libs.events.log.log import Log
from libs.events.log.recording import Answer, Appended, Expectation, NewEvent, Recording
from libs.events.log.selecting import EventPages, Selection
from services.projects.profiles import KeptProfile, Profiles

EVENT, PROFILE = "event", "profile"
PAGE_EVENTS = 1_000
PAGE_PROFILES = 200
CHUNK = 250
SILENT = Answer(200, b"")


async def export(
    pages: EventPages, profiles: Profiles, organization_id: UUID, report: Report
) -> AsyncIterator[Item]:
    """Every event up to the head, then every profile; `report` is told the position reached, and that of the head."""
    selection, after, head = Selection(organization_id), 0, await pages.head()
    while after < head:
        page, head = await pages.page(selection, after, PAGE_EVENTS)
        for body in page.bodies:
            yield Item(EVENT, body)
        after = page.next_after
        report(after, head)
    person_id = UUID(int=0)
    while kept := await profiles.page(organization_id, person_id, PAGE_PROFILES):
        for profile in kept:
            yield Item(PROFILE, profile.model_dump_json().encode())
        person_id = kept[-1].person_id


async def take_in(log: Log, profiles: Profiles, organization_id: UUID, items: Iterable[Item]) -> Counter[str]:
    """Record what is not here yet, and count it; interrupted, it is called again with the same items.

    Raises `NotImportable` for what contradicts this log, and for what is none of the organization's.
    """
    counts = Counter[str]()
    for kind, alike in groupby(items, key=lambda item: item.kind):
        while chunk := list(islice(alike, CHUNK)):
            if kind == EVENT:
                counts.update(await _record(log, organization_id, chunk))
            elif kind == PROFILE:
                counts.update(await _seal(profiles, organization_id, chunk))
            else:
                raise NotImportable(f"line {chunk[0].number}: projects keeps no {kind}")
    return counts


async def _record(log: Log, organization_id: UUID, chunk: Sequence[Item]) -> Counter[str]:
    events = [_event(item, organization_id) for item in chunk]
    moving = [
        (item, _recording(event))
        for item, event in zip(chunk, events, strict=True)
        if not isinstance(event.data, OrganizationOffboarded)
    ]
    outcomes = await log.append([recording for _, recording in moving]) if moving else []
    counts = Counter({"offboardings left out": len(chunk) - len(moving)})
    for (item, recording), outcome in zip(moving, outcomes, strict=True):
        is_new = isinstance(outcome, Appended)
        if not is_new and await log.resolve(recording) is None:
            stream = recording.expectations[0].stream
            raise NotImportable(f"line {item.number}: {stream} has another history in this log")
        counts["events recorded" if is_new else "events that were here"] += 1
    return +counts


def _event(item: Item, organization_id: UUID) -> Event:
    try:
        event = catalogue.read(read_cloud_event(item.body))
    except Exception as error:
        raise NotImportable(f"line {item.number}: {error}") from error
    if event.envelope.org_id != organization_id:
        raise NotImportable(f"line {item.number}: an event of another organization")
    return event


def _recording(event: Event) -> Recording:
    envelope = event.envelope
    new = NewEvent(
        envelope.event_id,
        envelope.stream,
        envelope.version,
        envelope.project_id,
        event.data,
        envelope.effective_at,
        None,
        envelope.on_behalf_of,
        envelope.correlation_id,
        envelope.causation_id,
        envelope.traceparent,
    )
    expectation = Expectation(envelope.stream, envelope.version - 1)
    return Recording(envelope.org_id, envelope.actor, (expectation,), (new,), SILENT)


async def _seal(profiles: Profiles, organization_id: UUID, chunk: Sequence[Item]) -> Counter[str]:
    counts = Counter[str]()
    for item in chunk:
        try:
            profile = KeptProfile.model_validate_json(item.body)
        except Exception as error:
            raise NotImportable(f"line {item.number}: not a profile: {error}") from error
        counts[f"profiles {await profiles.restore(organization_id, profile)}"] += 1
    return counts
