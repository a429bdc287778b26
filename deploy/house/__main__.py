"""`python -m deploy.house`: the rules no other tool knows; prints what breaks them and ends with 1."""

import sys
from collections.abc import Iterator

from deploy.house.dependencies import declared_dependencies, undeclared_imports
from deploy.house.docstrings import module_docstrings, published_docstrings
from deploy.house.names import refused_identifiers, refused_modules, vague_events
from deploy.house.prose import TEXTS, addresses_in_locks, wrong_words
from deploy.house.sizes import long_files, long_functions
from deploy.house.sources import ROOT, Finding, files, python_sources
from deploy.house.testing import refused_in_tests

OF_PYTHON = (
    long_files,
    long_functions,
    refused_modules,
    refused_identifiers,
    vague_events,
    module_docstrings,
    published_docstrings,
    refused_in_tests,
)
OF_TEXT = (wrong_words, addresses_in_locks)


def findings() -> Iterator[Finding]:
    declared = declared_dependencies()
    for source in python_sources():
        for rule in OF_PYTHON:
            yield from rule(source)
        yield from undeclared_imports(source, declared)
    for path in files(*TEXTS):
        text = (ROOT / path).read_text(errors="replace")
        for text_rule in OF_TEXT:
            yield from text_rule(path, text)


def main() -> int:
    found = list(findings())
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    sys.stdout.write(f"house: {len(found)} findings\n" if found else "house: in order\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
