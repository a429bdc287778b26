"""What an import reads and answers: a line of NDJSON for each command, and one for what became of it."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints


class LineOutcome(StrEnum):
    """What became of a line. `unknown`: nobody could say in time; send the import again."""

    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    REPLAYED = "replayed"
    REFUSED = "refused"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"


class ImportLine(BaseModel):
    """One command as a line of NDJSON."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    key: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    command: Annotated[str, StringConstraints(max_length=100)] = Field(description="`<aggregate>.<verb>`")
    stream: Annotated[str, StringConstraints(pattern=r"^[a-z_]+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    effective_at: AwareDatetime
    on_behalf_of: UUID | None = None
    body: dict[str, Any]


class LineResult(BaseModel):
    """What became of one line, by its number in the request, from 1."""

    line: int
    key: str | None
    outcome: LineOutcome
    position: int | None = None
    code: str | None = None
    detail: str | None = None
