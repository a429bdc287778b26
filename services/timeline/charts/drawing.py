"""The rendering process: a Vega-Lite chart per line of input, an SVG per chart, nothing fetched from anywhere."""

import json
import sys
from typing import Any

import vl_convert

from services.timeline.charts.house_style import VEGA_LITE_VERSION


def draw(chart: dict[str, Any]) -> bytes:
    """The chart as SVG. The same chart gives the same bytes."""
    svg: str = vl_convert.vegalite_to_svg(chart, vl_version=VEGA_LITE_VERSION, allowed_base_urls=[])
    return svg.encode()


def main() -> None:
    for line in sys.stdin.buffer:
        svg = draw(json.loads(line))
        sys.stdout.buffer.write(b"%d\n" % len(svg) + svg)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
