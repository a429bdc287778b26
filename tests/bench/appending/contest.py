"""One contestant in a process of its own: writers that append one event a commit, until the time is over.

`python -m tests.bench.appending.contest <contestant> <dsn> <writers> <seconds>` prints a `Contested` as JSON.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module

WARM_UP_SECONDS = 0.5
SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Contested:
    """`appended` were acknowledged within `seconds`; `appended_before` while warming up."""

    appended_before: int
    appended: int
    seconds: float
    processor_seconds: float

    @property
    def rate(self) -> float:
        return self.appended / self.seconds


Contestant = Callable[[str, int, float], Contested]
# By name: the module of this package, and its function.
CONTESTANTS: Mapping[str, tuple[str, str]] = {
    "milepost": ("milepost", "append"),
    "eventsourcing-functions": ("other_library", "append_with_functions"),
    "eventsourcing": ("other_library", "append"),
    "eventsource-py": ("eventsource_py", "append"),
    "one-statement": ("one_statement", "append"),
    "copy": ("copying", "append"),
}


def contest(contestant: str, dsn: str, writers: int, seconds: float) -> Contested:
    """Run a contestant in a process of its own; blocking."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.bench.appending.contest", contestant, dsn, str(writers), str(seconds)],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + SECONDS_MAX,
    )
    if process.returncode != 0:
        raise RuntimeError(f"{contestant} failed: {process.stderr[-2000:]}")
    return Contested(**json.loads(process.stdout))


def contestant(name: str) -> Contestant:
    """Imported by itself, so that nobody carries the libraries of the others."""
    module, function = CONTESTANTS[name]
    found: Contestant = getattr(import_module(f"tests.bench.appending.{module}"), function)
    return found


if __name__ == "__main__":
    name, dsn, writers, seconds = sys.argv[1:]
    sys.stdout.write(json.dumps(asdict(contestant(name)(dsn, int(writers), float(seconds)))))
