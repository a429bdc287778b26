"""`make check`: every tool that looks at the code without running it, each timed, all of them even if one fails."""

import os
import subprocess
import sys
import time
from pathlib import Path

from deploy.house.sources import ROOT

CHECKS = {
    "format": "ruff format --check --quiet .",
    "lint": "ruff check --quiet --output-format=concise .",
    "types": "mypy services libs integrations deploy tests examples",
    "import laws": "lint-imports --no-cache",
    "house rules": "python -m deploy.house",
    "events.md": "python -m libs.events.documentation --check",
    "openapi": "python -m deploy.openapi --check",
    "asyncapi": "python -m tests.contract.publishing --check",
}


def main() -> int:
    failed = [name for name, command in CHECKS.items() if not passes(name, command)]
    sys.stdout.write(f"Failed: {', '.join(failed)}\n" if failed else "Everything is in order.\n")
    return 1 if failed else 0


def passes(name: str, command: str) -> bool:
    """Run one check; its output is shown only where it fails."""
    started = time.monotonic()
    program, *arguments = command.split()
    outcome = subprocess.run(
        [str(Path(sys.executable).parent / program), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    verdict = "in order" if outcome.returncode == 0 else "FAILED"
    sys.stdout.write(f"{name:<12} {verdict} ({time.monotonic() - started:.1f} s)\n")
    if outcome.returncode != 0:
        sys.stdout.write(outcome.stdout)
    sys.stdout.flush()
    return outcome.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
