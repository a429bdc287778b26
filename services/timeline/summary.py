"""What a project amounts to as of then: its milestones and issues, counted."""

from uuid import UUID

from services.timeline import issue_history, milestone_history
from services.timeline.asking import Reading, Row, ask

MILESTONES = """
select count(*) filter (where state = 'planned') as planned,
       count(*) filter (where state = 'committed') as committed,
       count(*) filter (where state = 'achieved') as achieved,
       count(*) filter (where state = 'cancelled') as cancelled,
       count(*) filter (where state in ('planned', 'committed') and forecast_on < :judged_on) as overdue,
       count(*) filter (
           where state <> 'cancelled' and baseline_on < coalesce(achieved_on, :judged_on)
       ) as missed,
       coalesce(sum(reforecast_count), 0)::bigint as reforecasts
from ({source}) as milestone
where project_id = :project_id
"""

ISSUES = """
select count(*) filter (where category = 'todo') as todo,
       count(*) filter (where category = 'active') as active,
       count(*) filter (where category = 'waiting') as waiting,
       count(*) filter (where category = 'done') as done,
       count(*) filter (where category = 'cancelled') as cancelled,
       count(*) filter (where is_blocked) as blocked,
       coalesce(sum(reopen_count), 0)::bigint as reopenings,
       coalesce(sum(status_event_count), 0)::bigint as status_events
from ({source}) as issue
where project_id = :project_id and (home_project_id = :project_id or was_moved)
"""


async def milestone_counts(reading: Reading, project_id: UUID) -> Row:
    (row,) = await ask(
        reading, MILESTONES.format(source=milestone_history.source(reading.as_of)), project_id=project_id
    )
    return row


async def issue_counts(reading: Reading, project_id: UUID) -> Row:
    (row,) = await ask(
        reading, ISSUES.format(source=issue_history.source(reading.as_of)), project_id=project_id
    )
    return row
