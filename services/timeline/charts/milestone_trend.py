"""The trend of a milestone as a chart: forecasts against report days, the diagonal, and a line per baseline."""

from datetime import date
from typing import Any

from services.timeline.charts.house_style import HOUSE_STYLE, SCHEMA
from services.timeline.measures.trend import Trend


def milestone_trend_chart(name: str, trend: Trend) -> dict[str, Any]:
    """A Vega-Lite specification: flat is stable, rising is late, and the line ends on the diagonal."""
    return {
        "$schema": SCHEMA,
        "config": HOUSE_STYLE,
        "title": {"text": name, "subtitle": "forecast against the day it was reported"},
        "width": 640,
        "height": 360,
        "layer": [_diagonal(trend), _baselines(trend), _forecasts(trend), _points(trend)],
    }


def _diagonal(trend: Trend) -> dict[str, Any]:
    """Where the forecast is the day itself: nothing can be forecast below it."""
    days = [point.reported_on for point in trend.points]
    ends = sorted({min(days), max(days)}) if days else []
    return {
        "data": {"values": [{"reported": _text(day), "expected": _text(day)} for day in ends]},
        "mark": {"type": "line", "color": "#bbbbbb", "strokeDash": [2, 3]},
        "encoding": _place(),
    }


def _baselines(trend: Trend) -> dict[str, Any]:
    last = max((point.reported_on for point in trend.points), default=date.min)
    values = [
        {"reported": _text(day), "expected": _text(line.baseline_on), "baseline": number}
        for number, line in enumerate(trend.reference_lines)
        for day in (line.since, line.until or max(last, line.since))
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "line", "color": "#2f7d4f", "strokeDash": [6, 4]},
        "encoding": {**_place(), "detail": {"field": "baseline", "type": "nominal"}},
    }


def _forecasts(trend: Trend) -> dict[str, Any]:
    return {
        "data": {"values": _values(trend)},
        "mark": {"type": "line", "interpolate": "step-after", "color": "#1f5fa8", "strokeWidth": 2},
        "encoding": _place(),
    }


def _points(trend: Trend) -> dict[str, Any]:
    return {
        "data": {"values": _values(trend)},
        "mark": {"type": "point", "filled": True, "size": 60},
        "encoding": {
            **_place(),
            "color": {
                "field": "kind",
                "type": "nominal",
                "title": None,
                "scale": {
                    "domain": ["forecast", "carried", "actual", "invalid"],
                    "range": ["#1f5fa8", "#8fb3dc", "#2f7d4f", "#c0392b"],
                },
            },
        },
    }


def _values(trend: Trend) -> list[dict[str, str]]:
    return [
        {
            "reported": _text(point.reported_on),
            "expected": _text(point.forecast_on),
            "kind": "invalid" if point.invalid else point.kind,
        }
        for point in trend.points
    ]


def _place() -> dict[str, Any]:
    return {
        "x": {**_day_axis("reported on"), "field": "reported"},
        "y": {**_day_axis("expected on"), "field": "expected"},
    }


def _day_axis(title: str) -> dict[str, Any]:
    return {
        "type": "temporal",
        "title": title,
        "scale": {"type": "utc", "zero": False},
        "axis": {"format": "%Y-%m-%d", "tickCount": 8},
    }


def _text(day: date) -> str:
    # With a time, so that no reader takes it for a local midnight.
    return f"{day.isoformat()}T00:00:00Z"
