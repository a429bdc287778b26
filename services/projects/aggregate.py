"""The shape of every aggregate: what the command handler and the router need to know of one.

An aggregate is two pure functions, `decide` and `evolve`, over a frozen state; commands are its inputs,
events its outputs, rejections its refusals.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from inspect import getdoc
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from libs.events.envelope import EventData
from services.projects.facts import Facts

State = TypeVar("State")
NOTHING = object()

# PostgreSQL cannot store NUL, and a text that holds one is a mistake anyway. Lone surrogates never get
# this far: neither JSON in UTF-8 nor pydantic lets them in.
WITHOUT_NUL = r"^[^\x00]*$"

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=WITHOUT_NUL)
]
Sentence = Annotated[str, StringConstraints(max_length=2_000, pattern=WITHOUT_NUL)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True, pattern=WITHOUT_NUL)
]
Text = Annotated[str, StringConstraints(max_length=20_000, pattern=WITHOUT_NUL)]
# The ends of the calendar are infinite to PostgreSQL's driver, and no arithmetic with them makes sense.
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]
Instant = Annotated[AwareDatetime, Field(ge=datetime(1900, 1, 1, tzinfo=UTC))]


class Part(BaseModel):
    """A part of a command, as strict as the whole."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Command(Part):
    """A wish to change one aggregate; also the HTTP body that expresses it.

    `action` is what the caller must be allowed to do in the project, where it differs from the aggregate's.
    """

    action: ClassVar[str | None] = None
    # Whether it must be allowed in the organization itself, whatever project it names.
    concerns_organization: ClassVar[bool] = False
    # Whether deciding needs the hash of a secret that the answer tells once.
    makes_secret: ClassVar[bool] = False
    # Whether history may be told with it; not where more follows from it than an event.
    is_importable: ClassVar[bool] = True

    effective_at: Instant | None = Field(
        default=None,
        description="When it was true in the business; default: the instant it is recorded. "
        "Never in the future, and never before the resource's last change.",
    )

    def action_on(self, state: object) -> str | None:
        """What the caller must be allowed to do to give this command in that state; `None`: as the aggregate says."""
        return self.action

    def projects_referred(self) -> tuple[UUID, ...]:
        """Projects, beside the aggregate's own, of which the decision needs the facts."""
        return ()

    def streams_referred(self) -> tuple[str, ...]:
        """Streams of which the decision needs to know whether they exist."""
        return ()

    def happened_on(self) -> date | None:
        """A day the command speaks of as past: it must have begun somewhere on earth."""
        return None


class Rejection(Exception):
    """A domain rule refuses the command. The class name is the code, the docstring the sentence."""

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or getdoc(type(self)) or ""
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        return code_of(type(self))


def code_of(rejection: type[Rejection]) -> str:
    """`MilestoneAlreadyAchieved` becomes `milestone_already_achieved`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", rejection.__name__).lower()


class CorruptHistory(Exception):
    """Events that no decision could have written; never caught, it pages somebody."""


def begun(state: State | None) -> State:
    """The state of a stream that has begun; `evolve` demands it of all events but the first."""
    if state is None:
        raise CorruptHistory("the history does not begin with its first event")
    return state


def unbegun(state: object) -> None:
    """Nothing may come before the first event of a stream."""
    if state is not None:
        raise CorruptHistory("the history begins twice")


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[State]):
    """One aggregate: `name` names its streams and its id field, `plural` its URLs.

    `creating` is the command that may start a stream, under its verb; `commands` are all others, by verb.
    `decide(state, command, facts)` returns the events (none: nothing to do) or raises a `Rejection`;
    `evolve(state, event)` returns the next state. Every state has a `project_id`, which is `None` for what belongs
    to the organization itself. `action` is what a caller must be allowed to do there to change it, `read_action` to
    see it. `hidden` fields of the state are never shown; verbs `for_operators` are no part of the API. What `is_used`
    is shown with the instant of its last use, which is no part of its state.
    """

    name: str
    plural: str
    creating: tuple[str, type[Command]]
    commands: Mapping[str, type[Command]]
    decide: Callable[[State | None, Any, Facts], Sequence[EventData]]
    evolve: Callable[[State | None, Any], State]
    state: type[State]
    action: str = "contribute"
    read_action: str = "read"
    hidden: frozenset[str] = frozenset()
    for_operators: frozenset[str] = frozenset()
    is_used: bool = False

    @property
    def id_field(self) -> str:
        return f"{self.name}_id"

    @property
    def is_of_organization(self) -> bool:
        """Whether it belongs to the organization itself and to none of its projects."""
        return getattr(self.state, "project_id", NOTHING) is None

    def public_commands(self) -> Iterator[tuple[str, type[Command]]]:
        """The commands of the API that change an existing aggregate, with their verbs."""
        return ((verb, kind) for verb, kind in self.commands.items() if verb not in self.for_operators)

    def command_named(self, verb: str) -> type[Command] | None:
        """The command with that verb, the creating one included."""
        creating_verb, creating = self.creating
        return creating if verb == creating_verb else self.commands.get(verb)
