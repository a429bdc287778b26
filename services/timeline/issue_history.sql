-- Every issue: how it stands (issues), and each change with the state after it (issue_changes).
-- A change is known from its position on, until the next change of the same issue.

create table issues (
    org_id             uuid        not null,
    issue_id           uuid        not null,
    known_from         bigint      not null,
    version            integer     not null,
    recorded_at        timestamptz not null,
    effective_at       timestamptz not null,
    project_id         uuid        not null,
    title              text        not null,
    kind               text        not null,
    priority           text,
    state              text        not null,
    category           text        not null,
    assignee_id        uuid,
    team               text,
    is_blocked         boolean     not null,
    blocked_at         timestamptz,
    estimate           numeric,
    estimate_unit      text,
    raised_at          timestamptz not null,
    entered_state_at   timestamptz not null,
    status_event_count integer     not null,
    reopen_count    integer     not null,
    comment_count      integer     not null,
    move_count         integer     not null,
    primary key (org_id, issue_id)
) with (fillfactor = 70);

create table issue_changes (
    like issues,
    type   text not null,
    actor  uuid not null,
    note   text,
    detail json
);

-- Indexes, built last on a rebuild.

alter table issue_changes add primary key (org_id, issue_id, known_from);
create index issues_project on issues (org_id, project_id);
create index issues_moved on issues (org_id) where move_count > 0;
