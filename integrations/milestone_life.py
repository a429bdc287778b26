"""Follows one milestone through its source's records and says which commands tell the same story.

A record that the milestone's state does not allow is bridged by the commands a person would give
(withdraw before cancelling, reinstate before moving), or noticed where nothing changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from integrations.milestone_records import Kind, MilestoneRecord
from integrations.noticing import Notice


@dataclass(frozen=True, slots=True)
class Step:
    """One command: the verb and the fields of its body, dates as ISO 8601 text."""

    verb: str
    body: dict[str, Any]


@dataclass(slots=True)
class MilestoneLife:
    """What the commands so far made of a milestone."""

    project_id: UUID
    name: str
    source: str
    is_planned: bool = field(default=False, init=False)
    is_committed: bool = field(default=False, init=False)
    is_cancelled: bool = field(default=False, init=False)
    forecast_on: date | None = field(default=None, init=False)
    achieved_on: date | None = field(default=None, init=False)

    @property
    def awaited_on(self) -> date | None:
        """The date on which the milestone is expected while it is open."""
        is_open = self.is_planned and not self.is_cancelled and self.achieved_on is None
        return self.forecast_on if is_open else None

    def follow(self, record: MilestoneRecord) -> Iterator[Step | Notice]:
        """The commands that tell this record, and what is odd about it."""
        yield from self._mismatch(record)
        match record.kind:
            case Kind.PLANNED if not self.is_planned:
                yield from self._plan(record.planned_on)
            case Kind.PLANNED | Kind.REFORECAST:
                yield from self._move(record)
            case Kind.ACTUAL:
                yield from self._achieve(record)
            case Kind.REMOVED:
                yield from self._remove(record)

    def assume_met(self, achieved_on: date) -> Step:
        self.achieved_on = achieved_on
        note = f"Assumed: {self.source} records no actual date, so the last planned date stands for it."
        return Step("achieve", {"achieved_on": str(achieved_on), "note": note})

    def _mismatch(self, record: MilestoneRecord) -> Iterator[Notice]:
        known_on = None if self.is_cancelled else self.achieved_on or self.forecast_on
        if record.previous_on is not None and record.previous_on != known_on:
            yield _noticed(
                "previous_date_differs",
                record,
                f"was {record.previous_on} says the record, {known_on} the file",
            )

    def _plan(self, planned_on: date | None) -> Iterator[Step]:
        self.is_planned = True
        self.forecast_on = planned_on
        body: dict[str, Any] = {"project_id": str(self.project_id), "name": self.name}
        if planned_on is not None:
            body["target_on"] = str(planned_on)
        yield Step("plan", body)
        yield from self._commit(planned_on)

    def _commit(self, planned_on: date | None) -> Iterator[Step]:
        """The first planned date is the baseline."""
        if planned_on is not None and not self.is_committed:
            self.is_committed = True
            yield Step("commit", {"baseline_on": str(planned_on)})

    def _move(self, record: MilestoneRecord) -> Iterator[Step | Notice]:
        """A date for a milestone that is known, or that should be."""
        if record.planned_on is None:
            yield _noticed("no_date", record, f"{record.kind} without a planned date changes nothing")
            return
        if not self.is_planned:
            yield _noticed(
                "reforecast_without_plan", record, "its first date is where the record says it was"
            )
            yield from self._plan(record.previous_on or record.planned_on)
        if self.is_cancelled or self.achieved_on is not None:
            yield from self._reopen(record)
        elif record.planned_on == self.forecast_on:
            yield _noticed("nothing_new", record, f"{record.kind} for {record.planned_on}, as before")
        yield from self._forecast(record.planned_on)

    def _reopen(self, record: MilestoneRecord) -> Iterator[Step | Notice]:
        if self.is_cancelled:
            self.is_cancelled = False
            yield _noticed("again_after_removal", record, f"{record.kind} after it was removed")
            yield Step("reinstate", {"reason": f"It is back in {self.source}."})
        if self.achieved_on is not None:
            yield _noticed(
                "open_after_achievement", record, f"{record.kind} after it was met on {self.achieved_on}"
            )
            yield self._withdraw(f"{self.source} expects it again on {record.planned_on}.")

    def _achieve(self, record: MilestoneRecord) -> Iterator[Step | Notice]:
        if record.actual_on is None:
            yield _noticed("no_date", record, "actual without an actual date changes nothing")
            return
        yield from self._expect(record)
        if self.achieved_on is None:
            yield Step("achieve", {"achieved_on": str(record.actual_on)})
        elif self.achieved_on != record.actual_on:
            reason = f"The date was corrected in {self.source}."
            yield Step("correct-achievement", {"achieved_on": str(record.actual_on), "reason": reason})
        else:
            yield _noticed("nothing_new", record, f"met on {record.actual_on}, as before")
        self.achieved_on = record.actual_on

    def _expect(self, record: MilestoneRecord) -> Iterator[Step | Notice]:
        """Before it can be met a milestone is planned, in the plan, and on the date the record plans."""
        if not self.is_planned:
            if record.planned_on is None:
                yield _noticed("actual_without_plan", record, f"met on {record.actual_on}, never planned")
            yield from self._plan(record.planned_on)
        elif self.is_cancelled:
            yield from self._reopen(record)
        if self.achieved_on is None and record.planned_on is not None:
            yield from self._forecast(record.planned_on)

    def _forecast(self, planned_on: date) -> Iterator[Step]:
        if planned_on != self.forecast_on:
            self.forecast_on = planned_on
            reason = f"The date was moved in {self.source}."
            yield Step("reforecast", {"forecast_on": str(planned_on), "reason": reason})
        yield from self._commit(planned_on)

    def _remove(self, record: MilestoneRecord) -> Iterator[Step | Notice]:
        if not self.is_planned or self.is_cancelled:
            yield _noticed("nothing_to_remove", record, "removed while it was not in the plan")
            return
        if self.achieved_on is not None:
            yield _noticed(
                "removed_after_achievement", record, f"removed after it was met on {self.achieved_on}"
            )
            yield self._withdraw(
                f"{self.source} no longer lists it, nor that it was met on {self.achieved_on}."
            )
        self.is_cancelled = True
        yield Step("cancel", {"reason": f"Removed from {self.source}."})

    def _withdraw(self, reason: str) -> Step:
        self.achieved_on = None
        return Step("withdraw-achievement", {"reason": reason})


def _noticed(code: str, record: MilestoneRecord, what: str) -> Notice:
    return Notice(code, f"{record.project}: {record.milestone}: {what}", record.number)
