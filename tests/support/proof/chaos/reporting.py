"""What a campaign of bad days was: counts as JSON and as a table, and all that is needed to do it again."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.proof.ledger import Ledger

FOLDER = Path(__file__).parents[4] / ".proof"


@dataclass
class Report:
    """`counts` in the order of the table; `faults` and `nuisances` by name."""

    campaign: str
    seed: int
    counts: dict[str, float] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    nuisances: Mapping[str, int] = field(default_factory=dict)
    disturbances: Mapping[str, int] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)

    def of_commands(self, ledger: Ledger, seconds: float) -> None:
        self.counts["commands acknowledged"] = ledger.acknowledged
        self.counts["commands acknowledged per second"] = round(ledger.acknowledged / seconds, 1)
        self.counts["attempts"] = ledger.attempts
        self.disturbances = dict(sorted(ledger.disturbances.items()))

    def table(self) -> str:
        rows = [("seed", self.seed), *self.counts.items()]
        for title, counts in (
            ("faults", self.faults),
            ("bad messages and receivers", self.nuisances),
            ("attempts disturbed", self.disturbances),
        ):
            rows += [(f"{title}, in all", sum(counts.values()))]
            rows += [(f"    {name}", counts[name]) for name in sorted(counts)]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value:>10}" for name, value in rows)

    def tell(self) -> None:
        """To whoever watches, and into a file that stays."""
        FOLDER.mkdir(exist_ok=True)
        written = json.dumps(self.__dict__, indent=1, default=dict)
        (FOLDER / f"{self.campaign}.json").write_text(written + "\n")
        sys.stdout.write(f"\n{self.campaign}\n{self.table()}\n")

    def tell_how_to_repeat(self) -> None:
        lines = "\n".join(self.timeline)
        sys.stdout.write(
            f"\n{self.campaign}: FAULT_SEED={self.seed} repeats it; what was done when:\n{lines}\n"
        )
