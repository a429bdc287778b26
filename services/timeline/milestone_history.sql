-- Every milestone: how it stands (milestones), and each change with the state after it (milestone_changes).
-- A change is known from its position on, until the next change of the same milestone.

create table milestones (
    org_id           uuid        not null,
    milestone_id     uuid        not null,
    known_from       bigint      not null,
    version          integer     not null,
    recorded_at      timestamptz not null,
    effective_at     timestamptz not null,
    project_id       uuid        not null,
    name             text        not null,
    state            text        not null,
    baseline_on      date,
    forecast_on      date,
    achieved_on      date,
    reforecast_count integer     not null,
    primary key (org_id, milestone_id)
) with (fillfactor = 70);

create table milestone_changes (
    like milestones,
    type   text not null,
    actor  uuid not null,
    note   text,
    detail json
);

-- Indexes, built last on a rebuild.

alter table milestone_changes add primary key (org_id, milestone_id, known_from);
create index milestones_project on milestones (org_id, project_id);
