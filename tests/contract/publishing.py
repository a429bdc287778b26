"""Publishes event schemas: `python -m tests.contract.publishing` writes those that are new or only grew.

What is committed here is a promise to everybody who stores or reads events. A schema that would break it is
refused: give the event a new version and an upcaster, and commit a sample of the old one for ever.
"""

import json
import sys
from pathlib import Path
from typing import Any

from libs.events.catalogue import EventType, event_types
from libs.events.compatibility import breaking_changes
from libs.events.documentation import json_schema

SAMPLES = Path(__file__).parent / "samples"
SCHEMAS = Path(__file__).parent / "schemas"


def file_name(name: str, version: int) -> str:
    return f"{name}.v{version}.json"


def published_schema(event_type: EventType) -> dict[str, Any] | None:
    """The schema under which this version of the event was published; `None` if it never was."""
    path = SCHEMAS / file_name(event_type.name, event_type.version)
    return json.loads(path.read_text()) if path.exists() else None


def main() -> int:
    refused = 0
    for event_type in event_types():
        current, published = json_schema(event_type), published_schema(event_type)
        breaking = breaking_changes(published, current) if published else []
        for sentence in breaking:
            sys.stderr.write(f"{event_type.name} v{event_type.version} needs a new version: {sentence}\n")
        if breaking:
            refused += 1
            continue
        path = SCHEMAS / file_name(event_type.name, event_type.version)
        path.write_text(json.dumps(current, indent=2, ensure_ascii=False) + "\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
