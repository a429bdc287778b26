"""One spelling, and nothing unfinished, in every text of the repository."""

import re
from collections.abc import Iterator
from pathlib import Path

from deploy.house.sources import Finding

TEXTS = (
    *("*.py", "*.md", "*.sql", "*.toml", "*.yaml", "*.conf", "Makefile", "*.txt", "*.j2", "*.html"),
    *("*package-lock.json", "*.lock"),
)
LOCKS = re.compile(r"requirements.*\.txt$|package-lock\.json$|\.lock$")
BRITISH = re.compile(
    r"\b(?:behaviour|cancell?ation of colour|catalogued|centre|colour|favour|labelled|modelled|neighbour|travelling"
    r"|(?:organ|real|recogn|normal|serial|author|summar|optim|initial|synchron|prior|minim|maxim)is(?:e|ed|es|ing|ation))s?\b",
    re.IGNORECASE,
)
UNFINISHED = re.compile(r"(?:#|--|//|<!--)\s*(?:TODO|FIXME|XXX)\b|NotImplementedError")
# npm writes `resolved` and `funding` anew at every update; pip takes hosts without a scheme, too.
ADDRESS = re.compile(
    r"\w+://|\"(?:resolved|funding)\":|^\s*(?:--(?:trusted-host|(?:extra-)?index-url|find-links)|-[if])\b"
)
# Where the refused words themselves are listed and tried.
EXEMPT = frozenset({Path("deploy/house/prose.py"), Path("tests/unit/house/test_rules.py")})


def wrong_words(path: Path, text: str) -> Iterator[Finding]:
    """British spelling, and marks of unfinished work."""
    if path in EXEMPT or LOCKS.search(path.name):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if british := BRITISH.search(line):
            yield Finding(path, number, f"`{british[0]}`: the spelling is American")
        if unfinished := UNFINISHED.search(line):
            yield Finding(path, number, f"`{unfinished[0]}`: finish it or leave it out")


def addresses_in_locks(path: Path, text: str) -> Iterator[Finding]:
    """Where packages come from is the machine's business: a lock pins what, not where."""
    if LOCKS.search(path.name):
        for number, line in enumerate(text.splitlines(), start=1):
            if ADDRESS.search(line):
                yield Finding(path, number, "a lock names no address")
