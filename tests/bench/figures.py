"""What a run finds out: figures with their spread beside limits and peers, as one table and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Measure = Callable[[], float]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound the median is held against; missing it is shown and fails nothing."""

    at_least: float | None = None
    at_most: float | None = None

    def holds(self, value: float) -> bool:
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        return f"≥ {told(self.at_least)}" if self.at_least is not None else f"≤ {told(self.at_most or 0)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: a sample for each round. `beside` says in words what it is to be read with."""

    group: str
    what: str
    unit: str
    samples: Sequence[float]
    limit: Limit | None = None
    beside: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "met" if self.limit.holds(self.median) else "missed"


@dataclass
class Report:
    """Everything one run found out; `say` is told what is being measured."""

    say: Say = lambda _: None
    figures: list[Figure] = field(default_factory=list)
    reconciled: list[str] = field(default_factory=list)
    profiles: dict[str, str] = field(default_factory=dict)

    def add(self, *figures: Figure) -> None:
        self.figures += figures

    def show(self, console: Console) -> None:
        table = Table(title="Milepost, measured", title_justify="left", row_styles=["", "dim"])
        for heading in ("figure", "median", "spread", "limit", "", "beside"):
            is_number = heading in ("median", "spread", "limit")
            table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number)
        group = ""
        for figure in self.figures:
            if figure.group != group:
                group = figure.group
                table.add_section()
                table.add_row(f"[bold]{group}")
            table.add_row(*_cells(figure))
        console.print(table)
        for line in self.reconciled:
            console.print(f"reconciled: {line}")
        for title, profile in self.profiles.items():
            console.print(f"\n[bold]{title}", profile, sep="\n")

    def write(self, path: Path) -> None:
        kept = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "figures": [_json(figure) for figure in self.figures],
            "reconciled": self.reconciled,
            "profiles": self.profiles,
        }
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def machine() -> str:
    """What the figures were measured on, in one line."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}; load {load}"


def in_turn(contestants: Mapping[str, Measure], rounds: int, say: Say) -> dict[str, list[float]]:
    """Measure each contestant once a round, another one first each time, so that drift hits all alike."""
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for number in range(1, rounds + 1):
        for name in order:
            say(f"{name}, round {number} of {rounds}")
            samples[name].append(contestants[name]())
        order = order[1:] + order[:1]
    return samples


def ratios(samples: Sequence[float], yardstick: Sequence[float]) -> list[float]:
    """Round by round: what changed between rounds cancels out."""
    return [sample / other for sample, other in zip(samples, yardstick, strict=True)]


def told(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _cells(figure: Figure) -> list[str]:
    unit = f" {figure.unit}" if figure.unit else ""
    spread = f"{told(min(figure.samples))}–{told(max(figure.samples))}" if len(figure.samples) > 1 else ""
    limit = f"{figure.limit}" if figure.limit else ""
    return [f"  {figure.what}", f"{told(figure.median)}{unit}", spread, limit, figure.verdict, figure.beside]


def _json(figure: Figure) -> dict[str, Any]:
    return {
        "group": figure.group,
        "figure": figure.what,
        "unit": figure.unit,
        "median": figure.median,
        "samples": list(figure.samples),
        "limit": str(figure.limit) if figure.limit else None,
        "verdict": figure.verdict or None,
        "beside": figure.beside or None,
    }
