"""What defines the tables of the three databases: the repository's own migrations."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from libs.chassis.migrations import ROOT
from services.notifications import migrating as notifications
from services.timeline import projections
from tests.simulation.witness import SEEN

LOG = (ROOT / "libs/events/log/migrations",)
CONSUMER = (ROOT / "libs/events/consumer_migrations", ROOT / "libs/access/migrations")


@cache
def projects() -> tuple[str, ...]:
    return tuple(_texts(LOG))


@cache
def timeline() -> tuple[str, ...]:
    return (*_texts(CONSUMER), *(each.tables for each in projections.all_projections()), SEEN)


@cache
def telling() -> tuple[str, ...]:
    return (*_texts(notifications.DIRECTORIES), SEEN)


def _texts(directories: tuple[Path, ...]) -> Iterator[str]:
    for directory in directories:
        for path in sorted(directory.glob("*.sql")):
            yield path.read_text()
