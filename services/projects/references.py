"""What a decision demands of other aggregates: its project is open, what it refers to exists."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from services.projects.aggregate import Rejection
from services.projects.facts import Facts, ProjectFacts

StreamReference = Annotated[
    str,
    StringConstraints(
        pattern=r"^(milestone|issue)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    ),
]


class ProjectUnknown(Rejection):
    """There is no such project."""


class ProjectIsOver(Rejection):
    """The project is closed or cancelled; nothing inside it changes any more."""


class ReferenceUnknown(Rejection):
    """The command refers to something that does not exist."""


def open_project(facts: Facts, project_id: UUID) -> ProjectFacts:
    """The project in which something is about to change; one that is on hold may still be put in order."""
    project = facts.projects.get(project_id)
    if project is None:
        raise ProjectUnknown
    if not project.is_open:
        raise ProjectIsOver
    return project


def existing(facts: Facts, streams: Iterable[str]) -> None:
    """Refuse references to streams that do not exist, naming the first one."""
    for stream in streams:
        if stream not in facts.existing:
            raise ReferenceUnknown(f"There is no {stream}.")
