"""Keeps a started stack running until somebody ends it; a process that dies is shown, and restarted only so often."""

import time
from collections import deque
from collections.abc import Callable

from deploy.local.processes import StepFailed, last_lines
from deploy.local.stack import Stack
from deploy.local.telling import Telling

RESTARTS_MAX = 3
RESTART_WINDOW_SECONDS = 60
LOOK_EVERY_SECONDS = 0.2


class Supervising:
    """Watches every process of the stack. A program that dies again and again is broken: then the run ends."""

    def __init__(self, stack: Stack, telling: Telling, clock: Callable[[], float] = time.monotonic) -> None:
        self._stack = stack
        self._telling = telling
        self._clock = clock
        self._restarts: dict[str, deque[float]] = {}

    def watch(self) -> None:
        """Look until interrupted; raises StepFailed for a process that died more than RESTARTS_MAX times a minute."""
        while True:
            self.look()
            time.sleep(LOOK_EVERY_SECONDS)

    def look(self) -> None:
        """Bring back what has died since the last look."""
        for name, process in list(self._stack.processes.items()):
            if not process.alive:
                self._bring_back(name)

    def _bring_back(self, name: str) -> None:
        process = self._stack.processes[name]
        recent = self._restarts.setdefault(name, deque())
        while recent and self._clock() - recent[0] > RESTART_WINDOW_SECONDS:
            recent.popleft()
        if len(recent) >= RESTARTS_MAX:
            raise StepFailed(
                f"{name} died {RESTARTS_MAX + 1} times within {RESTART_WINDOW_SECONDS} s",
                log=process.log,
                next_command=f"less {process.log}",
            )
        recent.append(self._clock())
        self._telling.line(f"{name} ended with code {process.exit_code}; its last lines:")
        for line in last_lines(process.log):
            self._telling.line(f"  | {line}")
        self._stack.start_again(name)
        self._telling.line(f"{name} is started again ({len(recent)} of {RESTARTS_MAX} times a minute)")
