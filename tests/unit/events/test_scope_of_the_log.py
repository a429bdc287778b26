"""Whoever reads the log of projects names an organization; the few statements that read everything are listed here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# An operator's program, which holds all of the log against everything made of it.
CHECKER = ROOT / "services/projects/verifying"
SOURCES = sorted(
    path
    for folder in ("libs/events/log", "services/projects")
    for path in (ROOT / folder).rglob("*.py")
    if CHECKER not in path.parents
)
READS_LOG = re.compile(r"\b(from|join|update|into)\s+(events|idempotency_keys)\b")
SCOPED = re.compile(r"\borg_id = (\$1|any\(|\w+\.org_id)")

# The relay and the feed of services carry every organization's events on; the others ask how far the log has come, and
# which event stands at a position.
OF_ALL_ORGANIZATIONS = {
    ("libs/events/log/adopting.py", "from events where position = $1"): 1,
    ("libs/events/log/log.py", "from events where position > $1 order by position limit $2"): 2,
    ("libs/events/log/log.py", "from events"): 1,
    ("libs/events/log/log.py", "from events where position = $1"): 1,
    ("libs/events/log/relay.py", "from events where position = $1"): 1,
}


def statements(path: Path) -> Iterator[str]:
    """The SQL texts of a module that touch the log, spaces evened out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and READS_LOG.search(node.value):
            yield " ".join(node.value.split())


def test_every_statement_on_the_log_names_an_organization_or_is_listed() -> None:
    unscoped: dict[tuple[str, str], int] = {}
    for path in SOURCES:
        for text in statements(path):
            found = READS_LOG.search(text)
            if found and not SCOPED.search(text):
                key = (str(path.relative_to(ROOT)), text[found.start() :])
                unscoped[key] = unscoped.get(key, 0) + 1
    assert unscoped == OF_ALL_ORGANIZATIONS


@pytest.mark.parametrize("text", ["select 1 from events where position = $1", "delete from idempotency_keys"])
def test_a_statement_without_one_is_found(text: str, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(f'READ = "{text}"')
    assert [each for each in statements(module) if not SCOPED.search(each)] == [text]
