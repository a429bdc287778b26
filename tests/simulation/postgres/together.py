"""Understands what is not one statement: parts that are written together, and messages that hold several."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from tests.simulation.postgres.expressions import Values
from tests.simulation.postgres.plain_statements import Statement, plain
from tests.simulation.postgres.tables import Row
from tests.simulation.postgres.taught import TAUGHT
from tests.simulation.postgres.transactions import Transaction

PART = re.compile(r"(?:with |, )(\w+) as \(")


def understood(text: str) -> Statement:
    """The statement as a function; raises `NotPlain`."""
    return TAUGHT.get(text) or (_together(text) if text.startswith("with ") else plain(text))


@lru_cache(maxsize=500)
def _together(text: str) -> Statement:
    """Every part in its turn; what one with a name returns, later ones find in `transaction.returned`."""
    parts = [(name, understood(part)) for name, part in _parts(text)]

    def run(transaction: Transaction, values: Values) -> list[Row]:
        for name, part in parts:
            transaction.returned[name] = part(transaction, values)
        return [Row()]

    return run


def _parts(text: str) -> Iterator[tuple[str, str]]:
    found = PART.match(text)
    while found:
        end = _closing(text, found.end())
        yield found.group(1), text[found.end() : end]
        found = PART.match(text, end + 1)


def _closing(text: str, at: int) -> int:
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at - 1


class Steps:
    """The statements of a message, as work that goes on where it was held up; tells of the last what Postgres would."""

    def __init__(
        self, message: str, run: Callable[[str], list[Row]], control: dict[str, Callable[[], object]]
    ) -> None:
        self._texts = message.split("; ")
        self._run = run
        self._control = control

    def __call__(self) -> object:
        told: object = None
        while self._texts:
            text = self._texts[0]
            if text in self._control:
                told = self._control[text]()
            else:
                told = f"{text.split()[0].upper()} {len(self._run(text))}"
            del self._texts[0]
        return told
