"""Publishes events: `python -m tests.contract.publishing` writes schemas that are new or grew, and docs/asyncapi.json.

What is committed in `libs/events/schemas` is a promise to everybody who stores or reads events, and is served to them.
A schema that would break it is refused: give the event a new version and an upcaster, and commit a sample of the old
one for ever. With `--check` nothing is written, and the exit code says whether everything is as it should be.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libs.chassis.migrations import ROOT
from libs.events import (
    asyncapi,
    vocabulary,  # noqa: F401 (importing it fills the catalogue)
)
from libs.events.catalogue import event_types
from libs.events.compatibility import breaking_changes
from libs.events.json_schema import ENVELOPE, ENVELOPE_VERSION, envelope_schema, json_schema
from libs.events.schema_files import SCHEMAS, Published, every_published, schema_bytes

SAMPLES = Path(__file__).parent / "samples"
ASYNCAPI = ROOT / asyncapi.DOCUMENT


def todays_schemas() -> Iterator[tuple[Published, dict[str, Any]]]:
    """What the catalogue says now, of the envelope and of the latest version of each event."""
    yield Published(ENVELOPE, ENVELOPE_VERSION), envelope_schema()
    for event_type in event_types():
        yield Published(event_type.name, event_type.version), json_schema(event_type)


def published_schema(which: Published) -> dict[str, Any] | None:
    """The schema as it was published last; `None` if it never was."""
    body = schema_bytes(which)
    return json.loads(body) if body else None


def refusals() -> Iterator[str]:
    """What would break somebody, a sentence each."""
    for which, current in todays_schemas():
        if published := published_schema(which):
            for sentence in breaking_changes(published, current):
                yield f"{which.name} v{which.version} needs a new version: {sentence}"


def documents() -> Iterator[tuple[Path, str]]:
    """Every file there should be, and what it should say."""
    schemas = {which: published_schema(which) or {} for which in every_published()} | dict(todays_schemas())
    for which, schema in schemas.items():
        yield SCHEMAS / which.file_name, text(schema)
    yield ASYNCAPI, text(asyncapi.document(schemas, samples()))


def samples() -> dict[Published, dict[str, Any]]:
    """One whole event of every version."""
    events = [json.loads(path.read_text()) for path in sorted(SAMPLES.iterdir())]
    return {Published(event["type"], event["schemaversion"]): event for event in events}


def text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.publishing", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a file is not what it should be")
    wrong = list(refusals())
    if parser.parse_args().check:
        stale = [path for path, said in documents() if not path.exists() or path.read_text() != said]
        wrong += [f"{path} is out of date; run: python -m tests.contract.publishing" for path in stale]
    elif not wrong:
        for path, said in documents():
            path.write_text(said)
    sys.stderr.writelines(f"{sentence}\n" for sentence in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
