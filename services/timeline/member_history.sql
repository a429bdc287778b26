-- Every member: how they stand (members), and each change with the state after it (member_changes).
-- A member's roles in projects are part of how they stand; whoever left has no role and is kept for the past.

create table members (
    org_id        uuid        not null,
    member_id     uuid        not null,
    known_from    bigint      not null,
    version       integer     not null,
    recorded_at   timestamptz not null,
    effective_at  timestamptz not null,
    role          text,
    joined_at     timestamptz not null,
    project_roles text        not null,
    primary key (org_id, member_id)
) with (fillfactor = 70);

create table member_changes (
    like members,
    type   text not null,
    actor  uuid not null,
    note   text,
    detail json
);

-- Indexes, built last on a rebuild.

alter table member_changes add primary key (org_id, member_id, known_from);
