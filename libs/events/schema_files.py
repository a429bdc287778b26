"""The schemas of every event version ever published, one file each; what is here is never taken away again."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

SCHEMAS = Path(__file__).parent / "schemas"
FILE_NAME = re.compile(r"(?P<name>[a-z_.]+)\.v(?P<version>[1-9][0-9]*)\.json")


class Published(NamedTuple):
    """What was published: one version of an event type, or of the envelope."""

    name: str
    version: int

    @property
    def file_name(self) -> str:
        return f"{self.name}.v{self.version}.json"


@cache
def every_published() -> tuple[Published, ...]:
    """Everything that has a schema, by name and version."""
    found = (FILE_NAME.fullmatch(path.name) for path in SCHEMAS.iterdir())
    return tuple(sorted(Published(match["name"], int(match["version"])) for match in found if match))


@cache
def schema_bytes(which: Published) -> bytes | None:
    """The schema as it is served; `None` if that was never published."""
    return (SCHEMAS / which.file_name).read_bytes() if which in every_published() else None
