"""What a campaign of bad days was: counts as JSON and as a table, and all that is needed to do it again."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.proof.chaos.forms import Form
from tests.support.proof.chaos.planning import KINDS
from tests.support.proof.ledger import Ledger

FOLDER = Path(__file__).parents[4] / ".proof"


@dataclass
class Report:
    """`counts` in the order of the table; `faults` and `nuisances` by name.

    `kinds` are how many there were of a kind, and how many are enough.
    """

    campaign: str
    seed: int
    counts: dict[str, float] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    nuisances: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    disturbances: Mapping[str, int] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)

    def of_commands(self, ledger: Ledger, seconds: float) -> None:
        self.counts["commands acknowledged"] = ledger.acknowledged
        self.counts["commands acknowledged per second"] = round(ledger.acknowledged / seconds, 1)
        self.counts["attempts"] = ledger.attempts
        self.disturbances = dict(sorted(ledger.disturbances.items()))

    def of_kinds(self, form: Form, faults: Mapping[str, int], nuisances: Mapping[str, int]) -> None:
        """What struck and bothered, by kind, beside what is asked of a campaign of this form."""
        self.faults, self.nuisances = dict(faults), dict(nuisances)
        receivers = sum(count for name, count in nuisances.items() if name.startswith("a receiver "))
        self.kinds = {
            **{
                kind.name: (
                    sum(faults.get(each.name, 0) for each in kind.faults),
                    kind.enough_of(form.faults),
                )
                for kind in KINDS
            },
            "bad messages": (sum(nuisances.values()) - receivers, form.messages_min),
            "bad receivers": (receivers, form.receivers_min),
        }

    @property
    def too_few(self) -> dict[str, tuple[int, int]]:
        """The kinds of which there were not enough."""
        return {name: kind for name, kind in self.kinds.items() if kind[0] < kind[1]}

    def table(self) -> str:
        rows: list[tuple[str, object]] = [("seed", self.seed), *self.counts.items()]
        rows += [
            (f"{name}, of {enough} that are enough", there)
            for name, (there, enough) in self.kinds.items()
            if enough
        ]
        for title, counts in (
            ("faults", self.faults),
            ("bad messages and receivers", self.nuisances),
            ("attempts disturbed", self.disturbances),
        ):
            rows.append((f"{title}, in all", sum(counts.values())))
            rows += [(f"    {name}", counts[name]) for name in sorted(counts)]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value!s:>10}" for name, value in rows)

    def tell(self) -> None:
        """To whoever watches, and into a file that stays."""
        FOLDER.mkdir(exist_ok=True)
        written = json.dumps(self.__dict__, indent=1, default=dict)
        (FOLDER / f"{self.campaign}.json").write_text(written + "\n")
        sys.stdout.write(f"\n{self.campaign}\n{self.table()}\n")

    def tell_how_to_repeat(self, logs: Path) -> None:
        """After a failure. `logs` are kept beside the reports, as what they are of is about to be gone."""
        kept = FOLDER / f"{self.campaign}-logs"
        lines = "\n".join(self.timeline)
        sys.stdout.write(
            f"\n{self.campaign}: FAULT_SEED={self.seed} repeats it, {kept} says what the services did;"
            f" what was done when:\n{lines}\n"
        )
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(logs, kept)
