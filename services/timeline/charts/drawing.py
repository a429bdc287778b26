"""The rendering process: a Vega-Lite chart per line of input, an SVG per chart, nothing fetched from anywhere.

A first SVG that nobody asked for says that the library is loaded.
"""

import json
import re
import sys
from typing import Any

import vl_convert

from services.timeline.charts.house_style import VEGA_LITE_VERSION

EMPTY: dict[str, Any] = {"mark": "point", "data": {"values": []}}
# What no XML can hold; the drawing library aborts the process over it.
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def draw(chart: dict[str, Any]) -> bytes:
    """The chart as SVG. The same chart gives the same bytes."""
    svg: str = vl_convert.vegalite_to_svg(drawable(chart), vl_version=VEGA_LITE_VERSION, allowed_base_urls=[])
    return svg.encode()


def drawable(value: Any) -> Any:
    """The chart with U+FFFD for every character that an SVG cannot hold."""
    if isinstance(value, dict):
        return {name: drawable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [drawable(part) for part in value]
    return NO_XML.sub("\ufffd", value) if isinstance(value, str) else value


def main() -> None:
    answer(EMPTY)
    for line in sys.stdin.buffer:
        answer(json.loads(line))


def answer(chart: dict[str, Any]) -> None:
    svg = draw(chart)
    sys.stdout.buffer.write(b"%d\n" % len(svg) + svg)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
