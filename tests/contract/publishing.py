"""Publishes event schemas: `python -m tests.contract.publishing` writes those that are new or only grew.

What is committed in `libs/events/schemas` is a promise to everybody who stores or reads events, and is served to them.
A schema that would break it is refused: give the event a new version and an upcaster, and commit a sample of the old
one for ever.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libs.events import vocabulary  # noqa: F401 (importing it fills the catalogue)
from libs.events.catalogue import event_types
from libs.events.compatibility import breaking_changes
from libs.events.json_schema import ENVELOPE, ENVELOPE_VERSION, envelope_schema, json_schema
from libs.events.schema_files import SCHEMAS, Published, schema_bytes

SAMPLES = Path(__file__).parent / "samples"


def todays_schemas() -> Iterator[tuple[Published, dict[str, Any]]]:
    """What the catalogue says now, of the envelope and of the latest version of each event."""
    yield Published(ENVELOPE, ENVELOPE_VERSION), envelope_schema()
    for event_type in event_types():
        yield Published(event_type.name, event_type.version), json_schema(event_type)


def published_schema(which: Published) -> dict[str, Any] | None:
    """The schema as it was published last; `None` if it never was."""
    body = schema_bytes(which)
    return json.loads(body) if body else None


def main() -> int:
    refused = 0
    for which, current in todays_schemas():
        published = published_schema(which)
        breaking = breaking_changes(published, current) if published else []
        for sentence in breaking:
            sys.stderr.write(f"{which.name} v{which.version} needs a new version: {sentence}\n")
        if breaking:
            refused += 1
            continue
        text = json.dumps(current, indent=2, ensure_ascii=False) + "\n"
        (SCHEMAS / which.file_name).write_text(text)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
