"""What `make run` says: a step list with timings, on a terminal with a spinner, elsewhere as plain lines."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from deploy.local.processes import StepFailed, last_lines

NAME_WIDTH = 22


class Telling:
    """Every line is one sentence; nothing is ever waited for in silence."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def line(self, sentence: str = "") -> None:
        self._console.print(Text(sentence))

    def step(self, name: str, action: Callable[[], str]) -> None:
        """Run `action`, showing that it runs, then what it said and how long it took. Failures pass through."""
        started = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(name):
                outcome = action()
        else:
            self.line(f"  {name} …")
            outcome = action()
        mark = "✓ " if self._console.is_terminal else "  "
        self.line(f"{mark}{name:<{NAME_WIDTH}} {outcome} ({time.monotonic() - started:.1f} s)")

    def failure(self, failure: StepFailed) -> None:
        """The sentence, what the log last said, and the command to try next."""
        self.line()
        self.line(f"Failed: {failure.sentence}.")
        if failure.log is not None:
            self.line(f"The last lines of {failure.log}:")
            for line in last_lines(failure.log) or ["(nothing was logged)"]:
                self.line(f"  | {line}")
        if failure.next_command is not None:
            self.line(f"Try: {failure.next_command}")
