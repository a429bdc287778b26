"""The whole life of a project: proposed, chartered, led through its phases, and closed or cancelled.

It may be put on hold and resumed anywhere on the way. Its methodology and the workflow of its issues
are adopted, never edited, so that switching loses nothing.
"""

from collections.abc import Sequence

from services.projects.aggregate import Aggregate, begun
from services.projects.facts import Facts
from services.projects.portfolio.project import charter, course
from services.projects.portfolio.project.charter import (
    AdoptMethodology,
    AdoptWorkflow,
    ApproveCharter,
    CharterCommand,
    CharterEvent,
    ProposeProject,
)
from services.projects.portfolio.project.course import (
    CancelProject,
    CloseProject,
    CourseCommand,
    CourseEvent,
    EnterPhase,
    PutProjectOnHold,
    ResumeProject,
)
from services.projects.portfolio.project.project import Project
from services.projects.references import ProjectUnknown

ProjectCommand = ProposeProject | CharterCommand | CourseCommand
ProjectEvent = CharterEvent | CourseEvent


def decide(project: Project | None, command: ProjectCommand, facts: Facts) -> Sequence[ProjectEvent]:
    """A project decides by itself: it needs no facts of others."""
    if isinstance(command, ProposeProject):
        return charter.propose(project, command)
    if project is None:
        raise ProjectUnknown
    if isinstance(command, CharterCommand):
        return charter.decide(project, command)
    return course.decide(project, command)


def evolve(project: Project | None, event: ProjectEvent) -> Project:
    if isinstance(event, CharterEvent):
        return charter.evolve(project, event)
    return course.evolve(begun(project), event)


AGGREGATE = Aggregate(
    name="project",
    plural="projects",
    creating=("propose", ProposeProject),
    commands={
        "approve-charter": ApproveCharter,
        "adopt-methodology": AdoptMethodology,
        "adopt-workflow": AdoptWorkflow,
        "enter-phase": EnterPhase,
        "put-on-hold": PutProjectOnHold,
        "resume": ResumeProject,
        "close": CloseProject,
        "cancel": CancelProject,
    },
    decide=decide,
    evolve=evolve,
    action="manage",
    state=Project,
)
