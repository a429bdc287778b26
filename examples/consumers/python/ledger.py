"""What this consumer makes of events, and how far it has come: both in one SQLite file, changed in one transaction.

Here an event becomes a row. Put your own effect there; what matters is that it commits with the position.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

TABLES = """
create table if not exists effects (
    number integer primary key, position integer not null unique, id text not null, type text not null
);
create table if not exists checkpoint (only_row integer primary key check (only_row = 1), position integer not null);
insert or ignore into checkpoint values (1, 0);
"""


class Ledger:
    """One process at a time: a second one waits for the first one's transaction and then finds its work done."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=10)
        # A commit is on disk when it returns, so an event that was acknowledged is never needed again.
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        self._database.executescript(TABLES)

    @property
    def position(self) -> int:
        """Up to here every event meant for us has had its effect."""
        return int(self._database.execute("select position from checkpoint").fetchone()[0])

    def apply(self, events: Iterable[Mapping[str, Any]], up_to: int = 0) -> None:
        """Give each event its effect once, however often it arrives. There was no other for us `up_to` there."""
        self._database.execute("begin immediate")
        try:
            reached = self.position
            for event in events:
                if event["position"] > reached:
                    self._take_effect(event)
                    reached = event["position"]
            self._database.execute("update checkpoint set position = ?", (max(reached, up_to),))
            self._database.execute("commit")
        except BaseException:
            self._database.execute("rollback")
            raise

    def _take_effect(self, event: Mapping[str, Any]) -> None:
        row = (event["position"], event["id"], event["type"])
        self._database.execute("insert into effects (position, id, type) values (?, ?, ?)", row)
