"""What every question may carry: as of when, how fresh, which page."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from libs.chassis.moments import Moment, read_instant, read_moment
from libs.chassis.pagination import CURSOR_CHARACTERS_MAX, LIMIT_DEFAULT, LIMIT_MAX

FILTER_VALUES_MAX = 50
Text = Annotated[str, Field(max_length=200)]


class AsOfParameters(BaseModel):
    """As of when a question is asked."""

    model_config = ConfigDict(frozen=True)

    as_of: str | None = Field(
        default=None,
        description="What was known then: a position, an instant (RFC 3339) or a date (its end, UTC).",
        examples=["1042", "2020-01-31T12:00:00Z", "2020-01-31"],
    )
    effective_at: str | None = Field(
        default=None,
        description="What was true then in the business: an instant or a date. Default: all that is known.",
        examples=["2019-09-01"],
    )
    min_position: int | None = Field(
        default=None,
        ge=0,
        le=2**63 - 1,
        description="Answer from this position or a later one; `Prefer: wait=5` waits for it.",
    )

    @property
    def moment(self) -> Moment | None:
        """Raises `Problem` 422."""
        return read_moment("as_of", self.as_of)

    @property
    def effective_instant(self) -> datetime | None:
        """Raises `Problem` 422."""
        return read_instant("effective_at", self.effective_at)


class PageParameters(AsOfParameters):
    """A question whose answer comes in pages."""

    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)
    cursor: str | None = Field(
        default=None,
        max_length=CURSOR_CHARACTERS_MAX,
        description="`next_cursor` of the page before; it pins the position.",
    )
