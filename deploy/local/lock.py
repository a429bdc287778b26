"""`make lock`: one resolution for everything in requirements-dev.txt, one for the tools of contract tests,
and one constrained file per service."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEVELOPMENT = "requirements-dev.txt"
CONTRACT = "requirements-contract.txt"
# No address, no command line and no annotation: a lock pins what, and is the same wherever it is made.
OPTIONS = (
    "--universal --python-version=3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url "
    "--no-emit-find-links --quiet"
)


def main() -> None:
    """Arguments are handed to `uv pip compile`, e.g. `--upgrade` or `--upgrade-package fastapi`."""
    libraries = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("libs/*/pyproject.toml"))
    services = sorted(path.relative_to(ROOT) for path in ROOT.glob("services/*/pyproject.toml"))
    everything = [*libraries, *map(str, services)]
    compile_lock(DEVELOPMENT, "--group=pyproject.toml:development", *everything, *sys.argv[1:])
    compile_lock(CONTRACT, "--group=pyproject.toml:contract", *sys.argv[1:])
    for service in services:
        constrained = f"--constraints={DEVELOPMENT}"
        compile_lock(str(service.parent / "requirements.txt"), constrained, str(service), *libraries)


def compile_lock(output: str, *arguments: str) -> None:
    """Raises CalledProcessError where uv cannot resolve; it says why itself."""
    command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS.split(), f"--output-file={output}"]
    subprocess.run([*command, *arguments], cwd=ROOT, check=True)
    sys.stdout.write(f"{output}\n")


if __name__ == "__main__":
    main()
