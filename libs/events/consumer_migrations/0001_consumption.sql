-- What every consumer of the events keeps in its own database, beside what it made of them.

-- How far a handler has come. It commits together with what the handler wrote, so it is the truth; the
-- event id beside the position tells this log from another one that happens to be as long.
create table checkpoints (
    name       text        primary key,
    position   bigint      not null,
    event_id   uuid,
    updated_at timestamptz not null default now()
);

-- A sequence that waits: a project, or a stream that left a parked project.
create table parked_sequences (
    org_id       uuid        not null,
    sequence     text        not null,
    position     bigint      not null,
    code         text        not null,
    detail       text        not null,
    parked_at    timestamptz not null default now(),
    primary key (org_id, sequence)
);

-- The events of parked sequences, in order, as they were published.
create table parked_events (
    position   bigint      primary key,
    org_id     uuid        not null,
    project_id uuid,
    stream     text        not null,
    event_id   uuid        not null,
    body       text        not null,
    parked_at  timestamptz not null default now()
);

-- Attempts at an event that failed, counted before each attempt, so that a crash counts too.
create table attempts (
    position   bigint  primary key,
    count      integer not null
);

-- What an operator decided about a parked sequence, and what came of it. Never removed.
create table parking_decisions (
    decision_id bigint      generated always as identity primary key,
    org_id      uuid        not null,
    sequence    text        not null,
    decision    text        not null check (decision in ('retry', 'skip')),
    reason      text        not null,
    decided_by  text        not null,
    decided_at  timestamptz not null default now(),
    position    bigint,
    carried_out_at timestamptz,
    result      text
);
