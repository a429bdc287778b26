"""The whole vocabulary: importing this module fills the catalogue."""

from libs.events import portfolio, raid, schedule

CONTEXTS = (portfolio, schedule, raid)
