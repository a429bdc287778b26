"""The ledgers of the example consumers, in both languages; and the types of the TypeScript ones."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support import node
from tests.support.consumers import EXAMPLES, ExampleConsumer

SECONDS_MAX = 120
# Apply each page of the first argument after the path; those that fail are passed over, as a restart would.
IN_PYTHON = """
import json, sys
from pathlib import Path
from ledger import Ledger

ledger = Ledger(Path(sys.argv[1]))
for events, up_to in json.loads(sys.argv[2]):
    try:
        ledger.apply(events, up_to)
    except Exception as error:
        print(error, file=sys.stderr)
print(ledger.position)
"""
IN_TYPESCRIPT = """
import { Ledger } from "./ledger.ts";

const ledger = new Ledger(process.argv[1]);
for (const [events, upTo] of JSON.parse(process.argv[2])) {
  try {
    ledger.apply(events, upTo);
  } catch (error) {
    console.error(error);
  }
}
console.log(ledger.position);
"""

Page = tuple[Sequence[dict[str, Any]], int]
Apply = Callable[..., tuple[int, list[tuple[int, str]]]]


def said(command: Sequence[str | Path], place: Path) -> str:
    finished = subprocess.run(
        command,
        cwd=place,
        capture_output=True,
        text=True,
        env={**node.environment(), "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=SECONDS_MAX,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(params=["python", "typescript"])
def apply(request: pytest.FixtureRequest, tmp_path: Path) -> Apply:
    """Apply pages to a ledger of that language, in a process of its own; its position and its effects."""
    if request.param == "python":
        place, command = EXAMPLES / "python", [sys.executable, "-c", IN_PYTHON]
    else:
        place = node.installed(EXAMPLES / "typescript")
        command = [str(node.NODE), "--input-type=module", "-e", IN_TYPESCRIPT]
    consumer = ExampleConsumer((), {}, tmp_path)

    def applied(*pages: Page) -> tuple[int, list[tuple[int, str]]]:
        position = said([*command, str(consumer.ledger), json.dumps(pages)], place)
        return int(position), consumer.effects()

    return applied


def event(position: int, event_type: str | None = "milestone.planned") -> dict[str, Any]:
    return {"position": position, "id": f"event {position}", "type": event_type}


def effects(*positions: int) -> list[tuple[int, str]]:
    return [(position, "milestone.planned") for position in positions]


def test_an_event_that_comes_again_has_no_second_effect(apply: Apply) -> None:
    first, again = ([event(2), event(5)], 0), ([event(2), event(5), event(7)], 0)
    assert apply(first, again) == (7, effects(2, 5, 7))
    assert apply(first, again) == (7, effects(2, 5, 7))


def test_a_ledger_advances_where_there_is_nothing_for_it_and_never_goes_back(apply: Apply) -> None:
    assert apply(([], 9), ([event(4)], 0), ([], 3), ([event(12)], 11)) == (12, effects(12))


def test_an_effect_that_fails_takes_the_whole_page_and_the_position_back(apply: Apply) -> None:
    assert apply(([event(2), event(3, None)], 8)) == (0, [])
    assert apply(([event(2), event(3)], 8)) == (8, effects(2, 3))


def test_the_typescript_examples_have_the_types_they_say() -> None:
    place = node.installed(EXAMPLES / "typescript")
    said([node.NODE, place / "node_modules/typescript/bin/tsc", "--project", place], place)
