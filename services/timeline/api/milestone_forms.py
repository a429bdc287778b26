"""Milestones as they are answered: one in a list, alone, with its history, or as a trend."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import Field

from services.timeline.api.forms import Answer, Form, Instant, Known, Standpoint
from services.timeline.as_of import AsOf
from services.timeline.measures.slip import Dates, is_at_risk, is_missed, is_overdue, slip
from services.timeline.measures.trend import Report, Trend


class MilestoneForm(Form):
    """A milestone as of then."""

    milestone_id: UUID
    project_id: UUID
    name: str
    state: str = Field(description="planned, committed, achieved or cancelled.")
    baseline_on: date | None = Field(description="The promised date, in the version in force then.")
    forecast_on: date | None
    achieved_on: date | None
    slip_days_calendar: int | None = Field(description="Forecast or actual minus baseline, in days.")
    slip_reason: str | None = Field(description="Why there is no slip: no_baseline, no_forecast, cancelled.")
    reforecast_count: int
    is_overdue: bool = Field(description="Open although its forecast is over.")
    is_missed: bool = Field(description="The baseline was not kept.")
    is_at_risk: bool = Field(
        description="The baseline can be kept, and the forecast says that it will not be."
    )
    version: int
    known_from: int
    recorded_at: Instant
    effective_at: Instant

    @classmethod
    def of(cls, row: Mapping[str, Any], as_of: AsOf) -> "MilestoneForm":
        dates = Dates(row["state"], row["baseline_on"], row["forecast_on"], row["achieved_on"])
        slipped = slip(dates)
        return cls(
            milestone_id=row["milestone_id"],
            project_id=row["project_id"],
            name=row["name"],
            state=row["state"],
            baseline_on=row["baseline_on"],
            forecast_on=row["forecast_on"],
            achieved_on=row["achieved_on"],
            slip_days_calendar=slipped.days_calendar,
            slip_reason=slipped.reason,
            reforecast_count=row["reforecast_count"],
            is_overdue=is_overdue(dates, as_of.judged_on),
            is_missed=is_missed(dates, as_of.judged_on),
            is_at_risk=is_at_risk(dates, as_of.judged_on),
            version=row["version"],
            known_from=row["known_from"],
            recorded_at=row["recorded_at"],
            effective_at=row["effective_at"],
        )

    def has_aged(self, as_of: AsOf) -> bool:
        """Whether time alone made it overdue, missed or past all risk since its last change.

        Each of the three turns once: equal at both ends, they were equal all the time between.
        """
        dates = Dates(self.state, self.baseline_on, self.forecast_on, self.achieved_on)
        changed_on = self.recorded_at.astimezone(UTC).date()
        return any(
            judge(dates, changed_on) != judge(dates, as_of.judged_on)
            for judge in (is_overdue, is_missed, is_at_risk)
        )


class MilestoneAnswer(MilestoneForm, Answer):
    description: str | None = None


class MilestoneList(Answer):
    items: list[MilestoneForm]
    next_cursor: str | None


class CauseForm(Form):
    """Why a date moved: a thing, never a person."""

    cause_class: str
    stream: str | None = None
    note: str = ""


class MilestoneChange(Known):
    """One change of a milestone, and what held after it."""

    type: str
    state: str
    baseline_on: date | None
    forecast_on: date | None
    achieved_on: date | None
    reason: str | None
    change: str | None = Field(default=None, description="The approved change that moved the baseline.")
    caused_by: tuple[CauseForm, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "MilestoneChange":
        detail = json.loads(row["detail"]) if row["detail"] else {}
        return cls(
            version=row["version"],
            known_from=row["known_from"],
            recorded_at=row["recorded_at"],
            effective_at=row["effective_at"],
            actor=row["actor"],
            type=row["type"],
            state=row["state"],
            baseline_on=row["baseline_on"],
            forecast_on=row["forecast_on"],
            achieved_on=row["achieved_on"],
            reason=row["note"],
            change=detail.get("change"),
            caused_by=tuple(CauseForm(**cause) for cause in detail.get("caused_by", ())),
        )


class DatedFact(Known):
    """A baseline, a forecast or an actual: its day, or none where it was taken back."""

    on: date | None
    reason: str | None
    change: str | None = None
    caused_by: tuple[CauseForm, ...] = ()


class MilestoneHistory(Answer):
    """Everything ever said about a milestone, up to then."""

    milestone: MilestoneForm
    baselines: list[DatedFact]
    forecasts: list[DatedFact]
    actuals: list[DatedFact]
    changes: list[MilestoneChange]


def dated_facts(changes: Sequence[MilestoneChange], field: str) -> list[DatedFact]:
    """Each change of one of the dates, in the order in which it became known."""
    found: list[DatedFact] = []
    before: date | None = None
    for change in changes:
        day: date | None = getattr(change, field)
        if day != before:
            found.append(
                DatedFact(
                    **{name: getattr(change, name) for name in Known.model_fields},
                    on=day,
                    reason=change.reason if change.type != "milestone.planned" else None,
                    change=change.change,
                    caused_by=change.caused_by,
                )
            )
        before = day
    return found


class TrendPoint(Form):
    reported_on: date
    forecast_on: date
    kind: str = Field(description="forecast, carried (still the forecast on the day asked for) or actual.")
    invalid: str | None = Field(description="overdue_without_reforecast: the forecast was over already.")


class TrendLine(Form):
    baseline_on: date
    since: date
    until: date | None


class MilestoneTrend(Answer):
    """Milestone trend analysis: forecasts against the days on which they were reported."""

    milestone: MilestoneForm
    points: list[TrendPoint]
    reference_lines: list[TrendLine]
    slope: Decimal | None = Field(description="Days by which the forecast recedes per day that passes.")
    slope_reason: str | None


def report(row: Mapping[str, Any]) -> Report:
    """A change of a milestone as what was reported on its day."""
    return Report(
        row["effective_at"].date(),
        row["baseline_on"],
        row["forecast_on"],
        row["achieved_on"],
        row["state"] in ("planned", "committed"),
    )


def trend_answer(milestone: MilestoneForm, seen: Trend, as_of: AsOf) -> MilestoneTrend:
    return MilestoneTrend(
        as_of=Standpoint.of(as_of),
        milestone=milestone,
        points=[TrendPoint.model_validate(point) for point in seen.points],
        reference_lines=[TrendLine.model_validate(line) for line in seen.reference_lines],
        slope=seen.slope,
        slope_reason=seen.slope_reason,
    )
