-- What happened in each project, in sentences that people read, with names as they were then.

create table activity (
    org_id       uuid        not null,
    project_id   uuid        not null,
    position     bigint      not null,
    recorded_at  timestamptz not null,
    effective_at timestamptz not null,
    event_id     uuid        not null,
    type         text        not null,
    stream       text        not null,
    version      integer     not null,
    actor        uuid        not null,
    on_behalf_of uuid,
    sentence     text        not null
);

-- What each stream is called, and the project to which it belongs.
create table stream_names (
    org_id     uuid not null,
    stream     text not null,
    project_id uuid not null,
    name       text not null,
    primary key (org_id, stream)
) with (fillfactor = 70);

-- Indexes, built last on a rebuild.

alter table activity add primary key (org_id, project_id, position);
