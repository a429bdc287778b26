"""What a converter noticed: every record that did not become a command as it stands is counted and named.

Nothing is dropped silently; a report keeps all counts and the first few examples of each kind.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from integrations.import_line import ImportLine

EXAMPLES_MAX = 5
BAD_EXAMPLES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing noticed, at a record of the source (counted from 1; `None`: about the whole source).

    `code` is the kind, in snake_case; `detail` is a sentence for the reader.
    """

    code: str
    detail: str
    record: int | None = None
    is_bad: bool = False


@dataclass(slots=True)
class Report:
    """Counts of notices by code, with examples; `bad` counts the records that could not be read.

    Of those, up to `BAD_EXAMPLES_MAX` are kept by number.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[Notice]] = field(default_factory=lambda: defaultdict(list))
    bad: int = 0

    def add(self, notice: Notice) -> None:
        self.counts[notice.code] += 1
        self.bad += notice.is_bad
        if len(self.examples[notice.code]) < (BAD_EXAMPLES_MAX if notice.is_bad else EXAMPLES_MAX):
            self.examples[notice.code].append(notice)


@dataclass(frozen=True, slots=True)
class Converted:
    """Import lines in the order in which they are sent, and what was noticed on the way."""

    lines: Sequence[ImportLine]
    report: Report


def chronological(found: Iterable[ImportLine | Notice]) -> Converted:
    """Split lines from notices and order the lines in time; of equal instants the first stays first."""
    report = Report()
    lines = sorted(_noted(found, report), key=lambda line: line.effective_at)
    return Converted(lines, report)


def _noted(found: Iterable[ImportLine | Notice], report: Report) -> Iterator[ImportLine]:
    for each in found:
        if isinstance(each, Notice):
            report.add(each)
        else:
            yield each
