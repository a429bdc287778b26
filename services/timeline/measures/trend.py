"""Milestone trend analysis: the forecast of a milestone against the day on which it was reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

SLOPE_REPORTS = 6
SLOPE_REPORTS_MIN = 3
OVERDUE_WITHOUT_REFORECAST = "overdue_without_reforecast"


@dataclass(frozen=True, slots=True)
class Report:
    """What was said about a milestone on a day. Reports come in the order in which they were true."""

    reported_on: date
    baseline_on: date | None
    forecast_on: date | None
    achieved_on: date | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the trend; `invalid` says why it cannot be true as it stands."""

    reported_on: date
    forecast_on: date
    kind: str
    """`forecast`, `carried` (still the forecast on the day of the question) or `actual`."""
    invalid: str | None = None


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A baseline, from the day on which it was set until the day before it was replaced."""

    baseline_on: date
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Trend:
    points: tuple[Point, ...]
    reference_lines: tuple[ReferenceLine, ...]
    slope: Decimal | None
    slope_reason: str | None


def trend(reports: Sequence[Report], now: Report, on: date) -> Trend:
    """The trend as seen on a day, on which the milestone stands as `now` says.

    Points are (report day, forecast): one per day on which the forecast changed, the last one of that day;
    flat is stable, rising is late, falling is early. An achieved milestone ends on the diagonal, at (day,
    day), and the actual beats every forecast reported from that day on. An open one is carried to the day
    of the question. A point whose forecast lies before its report is invalid: `overdue_without_reforecast`.
    Every baseline draws a reference line, and keeps it when another one follows.

    Source: SAP Project System milestone trend analysis; GPM/IPMA practice.
    """
    achieved_on = now.achieved_on
    points = [
        point for point in _forecasts(reports) if achieved_on is None or point.reported_on < achieved_on
    ]
    if achieved_on is not None:
        points.append(Point(achieved_on, achieved_on, "actual"))
    elif now.is_open and points and points[-1].reported_on < on:
        points.append(_point(on, points[-1].forecast_on, "carried"))
    slope = trend_slope([point for point in points if point.kind == "forecast"])
    return Trend(
        tuple(points),
        tuple(_reference_lines(reports)),
        slope,
        None if slope is not None else "too_few_reports",
    )


def trend_slope(points: Sequence[Point]) -> Decimal | None:
    """Days by which the forecast recedes per day that passes, by least squares over the last 6 reports.

    Four decimals. 1 or more: the date recedes as fast as time passes. Fewer than 3 reports: none.
    Derived from milestone trend analysis; no standard fixes it.
    """
    recent = points[-SLOPE_REPORTS:]
    if len(recent) < SLOPE_REPORTS_MIN:
        return None
    days = [point.reported_on.toordinal() for point in recent]
    forecasts = [point.forecast_on.toordinal() for point in recent]
    day_mean, forecast_mean = Fraction(sum(days), len(days)), Fraction(sum(forecasts), len(days))
    covariance = sum(
        (day - day_mean) * (forecast - forecast_mean) for day, forecast in zip(days, forecasts, strict=True)
    )
    slope = Fraction(covariance) / sum((day - day_mean) ** 2 for day in days)
    return (Decimal(slope.numerator) / Decimal(slope.denominator)).quantize(Decimal("0.0001"))


def _forecasts(reports: Sequence[Report]) -> list[Point]:
    by_day: dict[date, Point] = {}
    before: date | None = None
    for report in reports:
        if report.forecast_on is not None and report.forecast_on != before:
            by_day[report.reported_on] = _point(report.reported_on, report.forecast_on, "forecast")
        before = report.forecast_on
    return list(by_day.values())


def _point(reported_on: date, forecast_on: date, kind: str) -> Point:
    is_over = forecast_on < reported_on
    return Point(reported_on, forecast_on, kind, OVERDUE_WITHOUT_REFORECAST if is_over else None)


def _reference_lines(reports: Sequence[Report]) -> list[ReferenceLine]:
    lines: list[ReferenceLine] = []
    for report in reports:
        current = lines[-1] if lines else None
        if report.baseline_on is None or (current and current.baseline_on == report.baseline_on):
            continue
        if current is not None:
            until = max(current.since, report.reported_on - timedelta(days=1))
            lines[-1] = ReferenceLine(current.baseline_on, current.since, until)
        lines.append(ReferenceLine(report.baseline_on, report.reported_on, None))
    return lines
