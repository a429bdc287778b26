"""What every question may carry: as of when, how fresh, which page; unknown parameters are refused."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.timeline.as_of import read_as_of, read_moment
from services.timeline.asking import Order, Sort

PAGE_ROWS_MAX = 200


def _readable_as_of(text: str) -> str:
    read_as_of(text)
    return text


def _readable_moment(text: str) -> str:
    read_moment(text)
    return text


class AsOfParameters(BaseModel):
    """As of when a question is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: Annotated[str, Field(max_length=40), AfterValidator(_readable_as_of)] | None = Field(
        default=None,
        description="What was known then: a position, an instant (RFC 3339) or a date (the end of that day, UTC).",
        examples=["1042", "2020-01-31T12:00:00Z", "2020-01-31"],
    )
    effective_at: Annotated[str, Field(max_length=40), AfterValidator(_readable_moment)] | None = Field(
        default=None,
        description="What was true then in the business: an instant or a date. Default: all that was known counts.",
        examples=["2019-09-01"],
    )
    min_position: Annotated[int, Field(ge=0, le=2**62)] | None = Field(
        default=None, description="Answer from this position or a later one; `Prefer: wait=5` waits for it."
    )

    @property
    def asked_as_of(self) -> int | datetime | None:
        return None if self.as_of is None else read_as_of(self.as_of)

    @property
    def asked_effective_at(self) -> datetime | None:
        return None if self.effective_at is None else read_moment(self.effective_at)


class PageParameters(AsOfParameters):
    """A question whose answer comes in pages."""

    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS_MAX)] = 50
    cursor: Annotated[str, Field(max_length=2_000)] | None = Field(
        default=None, description="`next_cursor` of the page before; it pins the position."
    )

    def filters(self) -> dict[str, Any]:
        """Everything that a cursor is bound to: the question without its page."""
        return self.model_dump(mode="json", exclude={"limit", "cursor", "min_position"}, exclude_none=True)


class UnknownSort(ValueError):
    """A sort term that is not on the list's allow-list."""


def orders(text: str, sorts: dict[str, Sort], id_column: str) -> tuple[Order, ...]:
    """`-a,b` as order terms, with the id as tie-break; raises `UnknownSort`."""
    found: list[Order] = []
    for term in text.split(","):
        name = term.strip().removeprefix("-")
        if name not in sorts:
            raise UnknownSort(name)
        found.append(Order(sorts[name], term.strip().startswith("-")))
    return (*found, Order(Sort(id_column, "uuid")))
