"""The life of an issue as a chart: a lane per state, in the order of first entry, and its blocks in red."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from libs.events.envelope import instant_text
from libs.events.portfolio import StateCategory
from services.timeline.charts.house_style import HOUSE_STYLE, SCHEMA
from services.timeline.measures.time_in_state import Block, Stay

COLORS = {
    StateCategory.TODO: "#b8c0cc",
    StateCategory.ACTIVE: "#1f5fa8",
    StateCategory.WAITING: "#e0a83e",
    StateCategory.DONE: "#2f7d4f",
    StateCategory.CANCELLED: "#777777",
}
LANE_HEIGHT = 34
LONG_LIFE = timedelta(days=5)


def issue_life_chart(
    title: str, spent: Sequence[Stay], held_up: Sequence[Block], until: datetime
) -> dict[str, Any]:
    """A Vega-Lite specification: time runs to the right, each state has its lane."""
    axes = _axes(spent, until)
    lanes = axes["y"]["sort"]
    return {
        "$schema": SCHEMA,
        "config": HOUSE_STYLE,
        "title": {"text": title, "subtitle": "its states over time; blocked where the line is red"},
        "width": 640,
        "height": LANE_HEIGHT * max(len(lanes), 1),
        "layer": [_stays(spent, axes, until), _blocks(held_up, spent, axes, until)],
    }


def _stays(spent: Sequence[Stay], axes: dict[str, Any], until: datetime) -> dict[str, Any]:
    values = [
        {
            "state": stay.state,
            "category": stay.category,
            "from": instant_text(stay.entered_at),
            "to": instant_text(stay.left_at or max(until, stay.entered_at)),
        }
        for stay in spent
    ]
    color = {
        "field": "category",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(COLORS), "range": list(COLORS.values())},
    }
    return {
        "data": {"values": values},
        "mark": {"type": "bar", "height": {"band": 0.6}, "minBandSize": 2},
        "encoding": {**axes, "color": color},
    }


def _blocks(
    held_up: Sequence[Block], spent: Sequence[Stay], axes: dict[str, Any], until: datetime
) -> dict[str, Any]:
    values = [
        {
            "state": _lane_at(block.blocked_at, spent),
            "from": instant_text(block.blocked_at),
            "to": instant_text(block.unblocked_at or max(until, block.blocked_at)),
        }
        for block in held_up
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "rule", "color": "#c0392b", "strokeWidth": 4},
        "encoding": axes,
    }


def _axes(spent: Sequence[Stay], until: datetime) -> dict[str, Any]:
    """Time to the right, told by the day where it is days; a lane per state."""
    is_long = bool(spent) and until - spent[0].entered_at > LONG_LIFE
    return {
        "x": {
            "field": "from",
            "type": "temporal",
            "title": None,
            "scale": {"type": "utc"},
            "axis": {"format": "%Y-%m-%d" if is_long else "%m-%d %H:%M", "tickCount": 7},
        },
        "x2": {"field": "to"},
        "y": {
            "field": "state",
            "type": "nominal",
            "title": None,
            "sort": list(dict.fromkeys(stay.state for stay in spent)),
        },
    }


def _lane_at(moment: datetime, spent: Sequence[Stay]) -> str:
    """The state it was in at an instant; several at one instant: the last of them."""
    return [stay.state for stay in spent if stay.entered_at <= moment][-1]
