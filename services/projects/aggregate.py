"""The shape of every aggregate: what the command handler and the router need to know of one.

An aggregate is two pure functions, `decide` and `evolve`, over a frozen state; commands are its inputs,
events its outputs, rejections its refusals.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import getdoc
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from libs.events.envelope import EventData
from services.projects.facts import Facts

State = TypeVar("State")

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Sentence = Annotated[str, StringConstraints(max_length=2_000)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=20_000)]


class Command(BaseModel):
    """A wish to change one aggregate; also the HTTP body that expresses it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    effective_at: AwareDatetime | None = Field(
        default=None,
        description="When it was true in the business; default: the instant it is recorded. "
        "Never in the future, and never before the resource's last change.",
    )

    def projects_referred(self) -> tuple[UUID, ...]:
        """Projects, beside the aggregate's own, of which the decision needs the facts."""
        return ()

    def streams_referred(self) -> tuple[str, ...]:
        """Streams of which the decision needs to know whether they exist."""
        return ()


class Rejection(Exception):
    """A domain rule refuses the command. The class name is the code, the docstring the sentence."""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or getdoc(type(self)) or ""
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        return code_of(type(self))


@cache
def code_of(rejection: type[Rejection]) -> str:
    """`MilestoneAlreadyAchieved` becomes `milestone_already_achieved`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", rejection.__name__).lower()


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[State]):
    """One aggregate: `name` names its streams and its id field, `plural` its URLs.

    `creating` is the command that may start a stream, under its verb; `commands` are all others, by verb.
    `decide(state, command, facts)` returns the events (none: nothing to do) or raises a `Rejection`;
    `evolve(state, event)` returns the next state. Every state has a `project_id`.
    """

    name: str
    plural: str
    creating: tuple[str, type[Command]]
    commands: Mapping[str, type[Command]]
    decide: Callable[[State | None, Any, Facts], Sequence[EventData]]
    evolve: Callable[[State | None, Any], State]
    state: type[State]

    @property
    def id_field(self) -> str:
        return f"{self.name}_id"

    def command_named(self, verb: str) -> type[Command] | None:
        """The command with that verb, the creating one included."""
        creating_verb, creating = self.creating
        return creating if verb == creating_verb else self.commands.get(verb)
