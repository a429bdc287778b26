"""What a check says in the end: how much it compared, how much of it differs, and the first difference exactly."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from services.projects.verifying.plain_json import as_text, canonical

Row = Mapping[str, Any]
DIGEST_BYTES = 8


class Outcome(StrEnum):
    """`behind` and `parked` are no outcomes: what a consumer has not applied yet is not compared."""

    HELD = "held"
    BROKEN = "broken"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference: where it is, the event that should have caused what is missing or wrong, and both sides of it."""

    table: str
    what: str
    position: int | None = None
    key: Row = field(default_factory=dict)
    expected: Row | None = None
    found: Row | None = None

    @classmethod
    def of(
        cls, table: str, key: Row, position: int | None, expected: Row | None, found: Row | None
    ) -> "Finding":
        """Of one row, reduced to the columns that differ."""
        if expected is None or found is None:
            return cls(table, "missing" if found is None else "surplus", position, key, expected, found)
        names = [each for each in expected.keys() | found.keys() if expected.get(each) != found.get(each)]
        sides = ({name: side.get(name) for name in sorted(names)} for side in (expected, found))
        return cls(table, "different", position, key, *sides)

    def __str__(self) -> str:
        caused = "" if self.position is None else f", of position {self.position}"
        named = "".join(f" {name}={value}" for name, value in self.key.items())
        sides = [
            f"{side} {canonical(row)}"
            for side, row in (("expected", self.expected), ("found", self.found))
            if row is not None
        ]
        return f"{self.table}{named}{caused}: {self.what}{''.join(f'; {each}' for each in sides)}"


@dataclass(slots=True)
class Verdict:
    """What one check found. `advice` is what an operator can do about it; `digest` is of all rows it compared."""

    check: str
    advice: str
    compared: int = 0
    wrong: int = 0
    digest: int = 0
    first: Finding | None = None
    not_checked: str = ""
    notes: list[str] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)
    """Those it holds against the log, each behind the name of its database."""

    def add(self, finding: Finding, how_many: int = 1) -> None:
        """Count a difference, or the first of several; the one of the lowest position is kept."""
        self.wrong += how_many
        if self.first is None or _place(finding) < _place(self.first):
            self.first = finding

    def saw(self, row: Row) -> None:
        """Count a row that was compared. The digest does not depend on the order of rows."""
        self.compared += 1
        row_digest = blake2b(canonical(row).encode(), digest_size=DIGEST_BYTES).digest()
        self.digest ^= int.from_bytes(row_digest, "big")

    @property
    def outcome(self) -> Outcome:
        if self.wrong:
            return Outcome.BROKEN
        return Outcome.NOT_CHECKED if self.not_checked else Outcome.HELD

    def told(self) -> dict[str, Any]:
        """As JSON tells it."""
        told: dict[str, Any] = {"check": self.check, "outcome": self.outcome.value, "compared": self.compared}
        told |= {"digest": f"{self.digest:016x}", "differences": self.wrong, "notes": self.notes}
        told["tables"] = sorted(self.tables)
        if self.not_checked:
            told["reason"] = self.not_checked
        if self.first is not None:
            told |= {"first": asdict(self.first), "advice": self.advice}
        return told


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts, and what consumers have parked: its rows end where it was parked, which is no difference."""

    head: int
    verdicts: Sequence[Verdict]
    parked: Sequence[Row] = ()

    @property
    def exit_code(self) -> int:
        """0: all held; 1: something is broken; 2: something could not be checked."""
        outcomes = {verdict.outcome for verdict in self.verdicts}
        if Outcome.BROKEN in outcomes:
            return 1
        return 2 if Outcome.NOT_CHECKED in outcomes else 0

    def of(self, check: str) -> Verdict:
        return next(verdict for verdict in self.verdicts if verdict.check == check)

    def to_json(self) -> str:
        told = {"head": self.head, "exit_code": self.exit_code, "parked": list(self.parked)}
        return json.dumps({**told, "checks": [each.told() for each in self.verdicts]}, default=as_text)


def _place(finding: Finding) -> float:
    return float("inf") if finding.position is None else finding.position
