"""What becomes known about a request on its way through: who asked, what came of it, whether it decided over others.

The guard begins a note, whoever learns something adds to it, and a recorder reads it once the answer is out.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(slots=True)
class Note:
    """Nothing is known at first. `target_id` is what was asked for, `code` that of the problem that was answered."""

    org_id: UUID | None = None
    actor: UUID | None = None
    target_id: UUID | None = None
    code: str | None = None
    is_administrative: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that is over. `route` is the template of its path."""

    note: Note
    method: str
    route: str
    path: str
    status: int
    trace_id: str


class AccessRecorder(Protocol):
    """Remembers who was denied what, and who decided over others."""

    def record(self, answered: Answered) -> None:
        """Take it without waiting and without ever raising."""


DENIED = frozenset({401, 403, 404})

_NOTE: ContextVar[Note | None] = ContextVar("note", default=None)


def begin() -> Note:
    """A new note, for the request this task answers."""
    note = Note()
    _NOTE.set(note)
    return note


def caller(org_id: UUID, actor: UUID) -> None:
    """Note who asks, in which organization."""
    note = _NOTE.get()
    if note is not None:
        note.org_id, note.actor = org_id, actor


def target(target_id: UUID) -> None:
    """Note what the request is about, where its path does not name it."""
    note = _NOTE.get()
    if note is not None:
        note.target_id = target_id


def decision_over_others() -> None:
    """Note that the request was allowed to decide over members, keys or policies."""
    note = _NOTE.get()
    if note is not None:
        note.is_administrative = True


def problem(code: str) -> None:
    """Note the code of the problem that is answered."""
    note = _NOTE.get()
    if note is not None:
        note.code = code


def is_worth_recording(note: Note, status: int) -> bool:
    """Denied, or administrative and done."""
    return status in DENIED or (note.is_administrative and 200 <= status < 300)
