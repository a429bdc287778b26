"""Milestone trend analysis: points, reference lines and slope of small histories worked out by hand."""

from datetime import date
from decimal import Decimal

from services.timeline.measures.trend import (
    OVERDUE_WITHOUT_REFORECAST,
    Point,
    ReferenceLine,
    Report,
    trend,
    trend_slope,
)


def day(number: int) -> date:
    return date(2020, 1, number)


def open_report(reported: int, forecast: int | None, baseline: int | None = None) -> Report:
    return Report(
        day(reported), day(baseline) if baseline else None, day(forecast) if forecast else None, None, True
    )


def achieved_report(reported: int, forecast: int, achieved: int) -> Report:
    return Report(day(reported), None, day(forecast), day(achieved), False)


def test_each_day_on_which_the_forecast_moved_is_a_point_and_the_last_one_is_carried() -> None:
    reports = [open_report(1, 10), open_report(3, 10), open_report(5, 12)]
    assert trend(reports, reports[-1], day(8)).points == (
        Point(day(1), day(10), "forecast"),
        Point(day(5), day(12), "forecast"),
        Point(day(8), day(12), "carried"),
    )


def test_the_last_forecast_of_a_day_counts() -> None:
    reports = [open_report(1, 10), open_report(1, 11)]
    assert trend(reports, reports[-1], day(1)).points == (Point(day(1), day(11), "forecast"),)


def test_an_achieved_milestone_ends_on_the_diagonal() -> None:
    reports = [open_report(1, 10), achieved_report(9, 10, 9)]
    assert trend(reports, reports[-1], day(20)).points == (
        Point(day(1), day(10), "forecast"),
        Point(day(9), day(9), "actual"),
    )


def test_the_actual_beats_forecasts_that_were_reported_from_that_day_on() -> None:
    reports = [open_report(1, 10), open_report(12, 15), achieved_report(14, 15, 11)]
    assert trend(reports, reports[-1], day(20)).points == (
        Point(day(1), day(10), "forecast"),
        Point(day(11), day(11), "actual"),
    )


def test_a_forecast_that_is_over_is_invalid() -> None:
    reports = [open_report(1, 5), open_report(7, 6)]
    assert trend(reports, reports[-1], day(9)).points == (
        Point(day(1), day(5), "forecast"),
        Point(day(7), day(6), "forecast", OVERDUE_WITHOUT_REFORECAST),
        Point(day(9), day(6), "carried", OVERDUE_WITHOUT_REFORECAST),
    )


def test_a_cancelled_milestone_carries_nothing() -> None:
    cancelled = Report(day(3), None, day(10), None, False)
    assert trend([open_report(1, 10), cancelled], cancelled, day(20)).points == (
        Point(day(1), day(10), "forecast"),
    )


def test_a_milestone_without_forecast_has_no_points() -> None:
    report = open_report(1, None)
    seen = trend([report], report, day(9))
    assert (seen.points, seen.slope, seen.slope_reason) == ((), None, "too_few_reports")


def test_a_new_baseline_draws_another_line_and_the_old_one_is_kept() -> None:
    reports = [open_report(1, 10), open_report(2, 10, 10), open_report(5, 20, 10), open_report(6, 20, 20)]
    assert trend(reports, reports[-1], day(9)).reference_lines == (
        ReferenceLine(day(10), day(2), day(5)),
        ReferenceLine(day(20), day(6), None),
    )


def test_a_flat_forecast_has_slope_zero_and_one_that_recedes_with_time_has_slope_one() -> None:
    flat = [Point(day(number), day(20), "forecast") for number in (1, 2, 5)]
    receding = [Point(day(number), day(number + 10), "forecast") for number in (1, 2, 5)]
    assert (trend_slope(flat), trend_slope(receding)) == (Decimal("0.0000"), Decimal("1.0000"))


def test_the_slope_is_the_regression_of_the_last_six_reports() -> None:
    points = [
        Point(day(reported), day(forecast), "forecast")
        for reported, forecast in ((1, 31), (2, 10), (4, 11), (6, 11), (8, 13), (10, 15), (12, 14))
    ]
    # Of the last six: the mean day is 7, the sum of covariances 34, of variances 70.
    assert trend_slope(points) == Decimal("0.4857")


def test_two_reports_have_no_slope() -> None:
    assert trend_slope([Point(day(1), day(9), "forecast"), Point(day(2), day(9), "forecast")]) is None
