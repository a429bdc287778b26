"""`make openapi` writes docs/openapi/ from the code, unless that would break a client of what was published before.

With `--check` it writes nothing and says by its exit code whether what is committed is true, and only ever grew.
"""

import argparse
import sys
from typing import Any

from openapi_spec_validator import validate

from deploy.openapi.applications import documents
from deploy.openapi.compatibility import breaking_changes
from deploy.openapi.published import ROOT, path_of, text_of, versions, withdrawn


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.openapi", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if something is not as it should be"
    )
    is_check = parser.parse_args().check
    failures = [
        failure for name, document in documents().items() for failure in _failures(name, document, is_check)
    ]
    sys.stderr.writelines(f"{failure}\n" for failure in failures)
    return 1 if failures else 0


def _failures(service: str, document: dict[str, Any], is_check: bool) -> list[str]:
    validate(document)
    broken = broken_promises(service, document)
    if broken:
        return broken
    path = ROOT / path_of(service)
    if is_check:
        is_current = path.exists() and path.read_text() == text_of(document)
        return [] if is_current else [f"{path_of(service)} is out of date; run: make openapi"]
    path.parent.mkdir(exist_ok=True)
    path.write_text(text_of(document))
    return []


def broken_promises(service: str, document: dict[str, Any]) -> list[str]:
    """What a client of any published version would miss, a sentence each, but what was agreed upon."""
    agreed = withdrawn()
    sentences = {
        f"{service}: {sentence}": revision
        for revision, published in versions(service).items()
        for sentence in breaking_changes(published, document)
    }
    return [
        f"{sentence} (published in {sentences[sentence]})" for sentence in sentences if sentence not in agreed
    ]


if __name__ == "__main__":
    sys.exit(main())
