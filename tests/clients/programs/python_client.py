"""Create, change, conflict, read the history: with the client that openapi-python-client generates."""

import json
import os
import sys
from datetime import date
from typing import TypeVar

from milepost_projects import AuthenticatedClient as Projects
from milepost_projects.api.milestones import commit_milestone, plan_milestone, reforecast_milestone
from milepost_projects.api.projects import propose_project
from milepost_projects.models import (
    CauseClass,
    CommitMilestone,
    Milestone,
    PlanMilestone,
    Problem,
    Project,
    ProposeProject,
    ReforecastMilestone,
    SlipCause,
)
from milepost_projects.types import Response
from milepost_timeline import AuthenticatedClient as Timeline
from milepost_timeline.api.milestones import get_milestone_history
from milepost_timeline.models import MilestoneHistory

Kind = TypeVar("Kind")
TOKEN = os.environ["MILEPOST_TOKEN"]


def found(value: object, kind: type[Kind]) -> Kind:
    assert isinstance(value, kind), value
    return value


def version(response: Response[Milestone | Problem]) -> int:
    return found(response.parsed, Milestone).version


def main() -> dict[str, object]:
    client = Projects(base_url=os.environ["MILEPOST_PROJECTS_URL"], token=TOKEN)
    timeline = Timeline(base_url=os.environ["MILEPOST_TIMELINE_URL"], token=TOKEN)
    project = found(propose_project.sync(client=client, body=ProposeProject(name="New data center")), Project)
    plan = PlanMilestone(project_id=project.project_id, name="Go live", target_on=date(2027, 1, 31))
    planned = plan_milestone.sync_detailed(client=client, body=plan)
    milestone_id = found(planned.parsed, Milestone).milestone_id
    seen = planned.headers["ETag"]
    committed = commit_milestone.sync_detailed(
        milestone_id, client=client, body=CommitMilestone(), if_match=seen
    )
    reforecast = ReforecastMilestone(
        forecast_on=date(2027, 3, 15),
        reason="The racks come late.",
        caused_by=[SlipCause(cause_class=CauseClass.EXTERNAL)],
    )
    conflict = reforecast_milestone.sync_detailed(milestone_id, client=client, body=reforecast, if_match=seen)
    current = committed.headers["ETag"]
    changed = reforecast_milestone.sync_detailed(
        milestone_id, client=client, body=reforecast, if_match=current
    )
    position = int(changed.headers["Milepost-Position"])
    answer = get_milestone_history.sync(milestone_id, client=timeline, min_position=position, prefer="wait=5")
    history = found(answer, MilestoneHistory)
    problem = found(conflict.parsed, Problem)
    return {
        "versions": [version(planned), version(committed), version(changed)],
        "conflict": [int(conflict.status_code), problem.code.value, problem.current_version],
        "baselines": [str(each.on) for each in history.baselines],
        "forecasts": [str(each.on) for each in history.forecasts],
        "changes": [each.type_ for each in history.changes],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
