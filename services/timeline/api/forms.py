"""The form of every answer: instants in UTC with six decimals, dates, ISO 8601 durations, and as of when."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from libs.events.envelope import instant_text
from services.timeline.as_of import AsOf

Instant = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def duration_text(duration: timedelta) -> str:
    """In days, hours, minutes and whole seconds; what has begun of a second does not count.

    `duration` of JSON Schema is that of RFC 3339, which knows no fraction and no unit left out between two others.
    A year has no length of its own, so there is none.
    """
    seconds = duration.days * 86_400 + duration.seconds
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    units = [(hour, "H"), (minute, "M"), (second, "S")]
    while units and not units[-1][0]:
        units.pop()
    while units and not units[0][0]:
        units.pop(0)
    time = "".join(f"{count}{unit}" for count, unit in units)
    date = f"{days}D" if days else ""
    return f"P{date}T{time}" if time else f"P{date}" if date else "PT0S"


Duration = Annotated[
    timedelta,
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "duration"}),
]


class Form(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Standpoint(Form):
    """From where the question was answered: the same standpoint gives the same answer for ever."""

    position: int = Field(description="The last position that counts; 0 is the empty world.")
    recorded_at: Instant | None = Field(description="The instant of that position.")
    effective_at: Instant | None = Field(description="The instant in the business; default: `recorded_at`.")

    @classmethod
    def of(cls, as_of: AsOf) -> "Standpoint":
        return cls(position=as_of.position, recorded_at=as_of.recorded_at, effective_at=as_of.judged_at)


class Answer(Form):
    as_of: Standpoint


class Known(Form):
    """A fact with both its clocks: since when it is known, and since when it was true."""

    version: int = Field(description="The version of the resource after the change.")
    known_from: int = Field(description="The position at which it became known.")
    recorded_at: Instant
    effective_at: Instant
    actor: UUID


def day_text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
