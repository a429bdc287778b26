"""What was published: every version of a document that git remembers, and breaks that were agreed upon."""

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = Path("docs/openapi")
WITHDRAWN = FOLDER / "withdrawn.txt"
VERSIONS_MAX = 50


def path_of(service: str) -> Path:
    """Where the document of a service stands, relative to the repository."""
    return FOLDER / f"{service}.json"


def text_of(document: dict[str, Any]) -> str:
    """The bytes of a published document: the same document is the same text, wherever it is written."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def versions(service: str, root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The documents of a service as they were committed, by revision, newest first; none without git."""
    path = path_of(service).as_posix()
    revisions = _git(root, "log", f"-{VERSIONS_MAX}", "--format=%h", "--diff-filter=AM", "--", path).split()
    return {revision: json.loads(_git(root, "show", f"{revision}:{path}")) for revision in revisions}


def withdrawn(root: Path = ROOT) -> frozenset[str]:
    """Sentences of breaking changes that were agreed upon: one a line, as the gate says them; `#` begins a remark."""
    path = root / WITHDRAWN
    lines = path.read_text().splitlines() if path.exists() else []
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _git(root: Path, *arguments: str) -> str:
    outcome = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return outcome.stdout if outcome.returncode == 0 else ""
