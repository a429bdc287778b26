-- Every project: how it stands (projects), and each change with the state after it (project_changes).
-- A change is known from its position on, until the next change of the same project.

create table projects (
    org_id       uuid        not null,
    project_id   uuid        not null,
    known_from   bigint      not null,
    version      integer     not null,
    recorded_at  timestamptz not null,
    effective_at timestamptz not null,
    name         text        not null,
    state        text        not null,
    methodology  text,
    starts_on    date,
    finishes_on  date,
    workflow     text,
    primary key (org_id, project_id)
) with (fillfactor = 70);

create table project_changes (
    like projects,
    type   text not null,
    actor  uuid not null,
    note   text,
    detail json
);

-- Indexes, built last on a rebuild.

alter table project_changes add primary key (org_id, project_id, known_from);
