"""`python -m tests.support.any_bytes try <door> <runs> <seed> <directory>`: bytes that lead ever further into the code.

`… again <door> <bytes>` tries one case, written as a line of the seeds. Guided by coverage (atheris), which there is
for Linux on x86-64.
"""

import ast
import json
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["libs", "services", "integrations", "tests.support.any_bytes"]):
    from tests.support.any_bytes.doors import DOORS
    from tests.support.any_bytes.seeds import seeds_of

BYTES_MAX = 4_096
HUNG_SECONDS = 10


class Counting:
    """Opens a door for each case; after the last one it writes down how many there were and which took longest."""

    def __init__(self, door: str, runs: int, figures: Path) -> None:
        self._open = DOORS[door]
        self._runs = runs
        self._figures = figures
        self._count = 0
        self._slowest = (0.0, b"")

    def __call__(self, content: bytes) -> None:
        started = time.thread_time()
        self._open(content)
        seconds = time.thread_time() - started
        self._count += 1
        if seconds > self._slowest[0]:
            self._slowest = (seconds, content)
        if self._count == self._runs:
            slowest, case = self._slowest
            told = {"runs": self._count, "slowest_seconds": slowest, "slowest": repr(case)[1:]}
            self._figures.write_text(json.dumps(told))


def attempt(door: str, runs: int, seed: int, directory: Path) -> None:
    """Ends the process: with 0 after so many runs, else at the first case that raises."""
    corpus = directory / "corpus"
    corpus.mkdir()
    for number, content in enumerate(seeds_of(door)):
        (corpus / f"{number:04}").write_bytes(content)
    options = {
        "runs": runs,
        "seed": seed,
        "max_len": BYTES_MAX,
        "timeout": HUNG_SECONDS,
        "artifact_prefix": f"{directory}/found-",
        "rss_limit_mb": 1_024,
        "print_final_stats": 1,
        "reload": 0,
    }
    told = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *told, str(corpus)], Counting(door, runs, directory / "figures.json"))
    atheris.Fuzz()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["try", door, runs, seed, directory]:
            attempt(door, int(runs), int(seed), Path(directory))
        case ["again", door, line]:
            DOORS[door](ast.literal_eval(f"b{line}"))
        case _:
            sys.exit(__doc__)
