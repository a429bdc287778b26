"""The files the house looks at: everything under version control or about to be, nothing generated."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Source:
    """A Python file: where it stands (relative to the repository), what it says."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @cached_property
    def lines(self) -> int:
        return len(self.text.splitlines())


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong where; printed as `path:line: sentence`."""

    path: Path
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.sentence}"


def files(*patterns: str) -> Iterator[Path]:
    """Paths, relative to the repository, of its files that match (git's patterns)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in sorted(filter(None, listed.split("\0"))):
        if (ROOT / name).is_file():
            yield Path(name)


def python_sources() -> list[Source]:
    return [Source(path, (ROOT / path).read_text()) for path in files("*.py")]
