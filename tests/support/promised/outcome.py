"""What a command comes to by the rules as they were promised, in plain JSON; shares no code with the services.

A rule takes the state before it (`None`: there is none yet), the verb and the body, and gives the state after it
with the number of events that lead there. No events: nothing to do.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

State = dict[str, Any]
Body = Mapping[str, Any]


class Refused(Exception):
    """The rules refuse the command; `code` says which one."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class Became(NamedTuple):
    """The state after a command, and how many events lead there."""

    state: State
    events: int


class Elsewhere(Protocol):
    """What a rule may ask about everything else: `actor` gives the command, `about` is the id it is about."""

    actor: str
    about: str

    def project(self, project_id: str) -> State | None: ...

    def exists(self, stream: str) -> bool: ...


Rule = Callable[[Elsewhere, State | None, str, Body], Became]


def unless_same(before: State, after: State, events: int = 1) -> Became:
    """Events only where something becomes different."""
    return Became(before, 0) if before == after else Became(after, events)


def created(before: State | None, first: State, taken: str) -> Became:
    """Creating twice the same is nothing; another thing under the id that is taken is refused."""
    if before is None:
        return Became(first, 1)
    if before == first:
        return Became(before, 0)
    raise Refused(taken)


def open_project(elsewhere: Elsewhere, project_id: str) -> State:
    """The project in which something is about to change."""
    project = elsewhere.project(project_id)
    if project is None:
        raise Refused("project_unknown")
    if project["state"] in ("closed", "cancelled"):
        raise Refused("project_is_over")
    return project


def all_exist(elsewhere: Elsewhere, *streams: str | None) -> None:
    if any(stream is not None and not elsewhere.exists(stream) for stream in streams):
        raise Refused("reference_unknown")
