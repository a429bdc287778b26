"""The whole vocabulary: importing this module fills the catalogue."""

from libs.events import access, portfolio, raid, schedule

CONTEXTS = (access, portfolio, schedule, raid)
