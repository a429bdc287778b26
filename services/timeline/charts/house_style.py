"""What all charts have in common: the Vega-Lite version they are written for, fonts, quiet axes."""

from typing import Any, Final

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
VEGA_LITE_VERSION: Final = "6.4"
FONT: Final = "Liberation Sans, Arial, Helvetica, sans-serif"

HOUSE_STYLE: Final[dict[str, Any]] = {
    "font": FONT,
    "background": "white",
    "view": {"stroke": None},
    "axis": {"gridColor": "#eeeeee", "domainColor": "#999999", "tickColor": "#999999", "labelFontSize": 11},
    "title": {"anchor": "start", "fontSize": 15, "subtitleColor": "#666666"},
    "legend": {"orient": "bottom"},
}
