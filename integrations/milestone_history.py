"""Milestone histories become projects and milestones: what was planned, when it moved, how it ended.

The source's mess is history too. What a milestone's life allows becomes a command, what it does not
becomes a notice; dates are taken as they are, whether they lie in the past or were typing mistakes.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from itertools import pairwise
from uuid import UUID

from integrations.import_line import NAME_LENGTH_MAX, ImportLine, identity, key, printable, shortened
from integrations.milestone_life import MilestoneLife, Step
from integrations.milestone_records import MilestoneRecord
from integrations.noticing import Converted, Notice, chronological

Milestones = dict[str, list[MilestoneRecord]]


def convert(records: Iterable[MilestoneRecord | Notice], *, assume_met: bool = True) -> Converted:
    """All projects and milestones of a history, in the order in which their source published them.

    `assume_met`: where the source never says that a milestone was met, its last date stands for the day
    it was, once that day has passed by the end of the source.
    """
    return chronological(_found(records, assume_met))


def _found(records: Iterable[MilestoneRecord | Notice], assume_met: bool) -> Iterator[ImportLine | Notice]:
    projects: dict[tuple[str, str], Milestones] = {}
    ends: dict[str, datetime] = {}
    for record in records:
        if isinstance(record, Notice):
            yield record
            continue
        milestones = projects.setdefault((record.source, record.project), {})
        milestones.setdefault(record.milestone, []).append(record)
        ends[record.source] = max(record.recorded_at, ends.get(record.source, record.recorded_at))
    for (source, project), milestones in projects.items():
        yield from _project(source, project, milestones)
        for history in milestones.values():
            yield from _milestone(history, ends[source] if assume_met else None)


def _project(source: str, project: str, milestones: Milestones) -> Iterator[ImportLine | Notice]:
    first = min(
        (record for history in milestones.values() for record in history),
        key=lambda record: (record.recorded_at, record.number),
    )
    name, notices = _name(project, first.number)
    yield from notices
    yield ImportLine(
        key=key(source, project, "propose"),
        command="project.propose",
        stream=f"project-{identity(source, project)}",
        effective_at=first.recorded_at,
        body={"name": name, "summary": f"Imported from {printable(source)[:NAME_LENGTH_MAX]}."},
    )


def _milestone(
    history: list[MilestoneRecord], source_ends_at: datetime | None
) -> Iterator[ImportLine | Notice]:
    """The life of one milestone. Its lines never run backwards; of equal instants the file's order stays."""
    ordered = sorted(history, key=lambda record: record.recorded_at)
    yield from (
        Notice("out_of_order", f"{record.milestone} is recorded before the record above it", record.number)
        for before, record in pairwise(history)
        if record.recorded_at < before.recorded_at
    )
    first = ordered[0]
    name, notices = _name(first.milestone, first.number)
    yield from notices
    life = MilestoneLife(
        identity(first.source, first.project), name, source=printable(first.source)[:NAME_LENGTH_MAX]
    )
    count = 0
    for record in ordered:
        for step in life.follow(record):
            if isinstance(step, Notice):
                yield step
            else:
                count += 1
                yield _line(first, str(count), record.recorded_at, step)
    yield from _assumed(life, ordered[-1], source_ends_at)


def _assumed(
    life: MilestoneLife, last: MilestoneRecord, source_ends_at: datetime | None
) -> Iterator[ImportLine | Notice]:
    expected_on = life.awaited_on
    if source_ends_at is None or expected_on is None:
        return
    day_ends_at = end_of(expected_on)
    if day_ends_at > source_ends_at:
        return
    yield Notice(
        "assumed_met",
        f"{last.project}: {last.milestone} has no actual date; its last date {expected_on} stands for it",
        last.number,
    )
    yield _line(last, "assumed", max(last.recorded_at, day_ends_at), life.assume_met(expected_on))


def _line(record: MilestoneRecord, part: str, effective_at: datetime, step: Step) -> ImportLine:
    names = (record.source, record.project, record.milestone)
    return ImportLine(
        key=key(*names, part),
        command=f"milestone.{step.verb}",
        stream=f"milestone-{identity(*names)}",
        effective_at=effective_at,
        body=step.body,
    )


def end_of(day: date) -> datetime:
    """The last instant of a day in UTC."""
    return datetime.combine(day, time.max, UTC)


def _name(name: str, number: int) -> tuple[str, list[Notice]]:
    short = shortened(printable(name), NAME_LENGTH_MAX)
    if len(printable(name)) <= NAME_LENGTH_MAX:
        return short, []
    return short, [Notice("name_shortened", f"a name of {len(name)} characters became {short}", number)]


def milestone_id(source: str, project: str, milestone: str) -> UUID:
    """The id under which a converted milestone is found."""
    return identity(source, project, milestone)
