"""Says at the end of a run whether the histories were the whole files or the committed extracts."""

import pytest

from tests.unit.integrations.sources import used


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name in sorted(used):
        terminalreporter.write_line(f"history: {name}")
