-- Telling people: who asked to hear what, what they were told, and what is on its way to webhooks.
-- Every row belongs to an organization and every key begins with it.

-- A rule of a person. It matches events after since_position, so a new rule tells nothing old.
create table subscriptions (
    org_id           uuid        not null,
    subscription_id  uuid        not null,
    version          integer     not null default 1,
    person_id        uuid        not null,
    project_id       uuid,
    kinds            text[]      not null default '{}',
    stream           text,
    mute_own         boolean     not null,
    include_imported boolean     not null,
    since_position   bigint      not null,
    made_at          timestamptz not null,
    revised_at       timestamptz not null,
    primary key (org_id, subscription_id),
    check (project_id is not null or stream is not null or cardinality(kinds) > 0)
);

create index subscriptions_of_person on subscriptions (org_id, person_id, subscription_id);

-- Where webhooks of an organization go. Secrets are sealed: only the service's key opens them.
create table webhook_endpoints (
    org_id                  uuid        not null,
    endpoint_id             uuid        not null,
    version                 integer     not null default 1,
    url                     text        not null,
    description             text        not null default '',
    project_id              uuid,
    kinds                   text[]      not null default '{}',
    include_imported        boolean     not null,
    since_position          bigint      not null,
    registered_by           uuid        not null,
    registered_at           timestamptz not null,
    revised_at              timestamptz not null,
    state                   text        not null default 'active' check (state in ('active', 'paused', 'disabled', 'retired')),
    state_reason            text        not null default '',
    secret_key_id           text        not null,
    secret_box              bytea       not null,
    secret_before_key_id    text,
    secret_before_box       bytea,
    secret_before_until     timestamptz,
    primary key (org_id, endpoint_id)
);

-- How an endpoint is doing. Apart from its settings, because every attempt writes here.
-- One attempt is in flight at a time: the one with attempt_id, until leased_until.
create table webhook_health (
    org_id           uuid        not null,
    endpoint_id      uuid        not null,
    attempt_id       uuid,
    leased_until     timestamptz,
    failures_in_row  integer     not null default 0,
    failing_since    timestamptz,
    breaker_until    timestamptz,
    succeeded_at     timestamptz,
    primary key (org_id, endpoint_id),
    foreign key (org_id, endpoint_id) references webhook_endpoints on delete cascade
) with (fillfactor = 70);

-- Says which organizations' rules are not what they were, so that consumers keep them in memory.
create table rule_revisions (
    org_id   uuid   primary key,
    revision bigint not null
);

-- How far people were told about a stream, and what its entity is called. Never reset, not even when
-- the checkpoint is: nothing at or below told_position is ever told again. Kept by stream because a
-- parked project is told later than others, but each of its streams in order.
create table streams (
    org_id        uuid   not null,
    stream        text   not null,
    project_id    uuid,
    name          text,
    told_position bigint not null,
    primary key (org_id, stream)
) with (fillfactor = 80);

-- What a person was told: one item for an event however many rules asked for it (they are named).
create table inbox_items (
    org_id           uuid        not null,
    person_id        uuid        not null,
    event_id         uuid        not null,
    position         bigint      not null,
    type             text        not null,
    project_id       uuid,
    stream           text        not null,
    stream_version   integer     not null,
    actor            uuid        not null,
    on_behalf_of     uuid,
    recorded_at      timestamptz not null,
    effective_at     timestamptz not null,
    sentence         text        not null,
    subscription_ids uuid[]      not null,
    read_at          timestamptz,
    primary key (org_id, person_id, event_id)
);

create index inbox_items_newest on inbox_items (org_id, person_id, position desc);
create index inbox_items_unread on inbox_items (org_id, person_id, position desc) where read_at is null;
create index inbox_items_age on inbox_items (recorded_at);

-- The body of an event that goes to webhooks, kept once for all of its deliveries.
create table webhook_bodies (
    org_id   uuid  not null,
    event_id uuid  not null,
    body     bytea not null,
    made_at  timestamptz not null,
    primary key (org_id, event_id)
);

create index webhook_bodies_age on webhook_bodies (made_at);

-- A delivery: one event to one endpoint, at least once. The event id is its webhook-id.
-- lane 'line': in order, its head holds the line up; lane 'side': beside it (skipped, resent, a test).
create table deliveries (
    org_id           uuid        not null,
    endpoint_id      uuid        not null,
    event_id         uuid        not null,
    position         bigint      not null,
    type             text        not null,
    project_id       uuid,
    is_test          boolean     not null default false,
    state            text        not null default 'pending'
                     check (state in ('pending', 'delivered', 'parked')),
    lane             text        not null default 'line' check (lane in ('line', 'side')),
    attempts         integer     not null default 0,
    made_at          timestamptz not null,
    first_attempt_at timestamptz,
    next_attempt_at  timestamptz not null,
    skipped_at       timestamptz,
    announced_at     timestamptz,
    finished_at      timestamptz,
    primary key (org_id, endpoint_id, event_id),
    foreign key (org_id, endpoint_id) references webhook_endpoints on delete cascade,
    foreign key (org_id, event_id) references webhook_bodies
) with (fillfactor = 80);

create index deliveries_of_body on deliveries (org_id, event_id);
create index deliveries_line on deliveries (org_id, endpoint_id, position)
    where state = 'pending' and lane = 'line';
create index deliveries_side on deliveries (org_id, endpoint_id, next_attempt_at)
    where state = 'pending' and lane = 'side';
create index deliveries_skipped on deliveries (org_id, endpoint_id, position)
    where skipped_at is not null and (announced_at is null or state = 'pending');
create index deliveries_newest on deliveries (org_id, endpoint_id, made_at desc, event_id desc);
create index deliveries_age on deliveries (made_at);
create index deliveries_pending on deliveries (next_attempt_at) where state = 'pending';

-- The log of attempts. A row is written when an attempt is claimed and completed when it ends; one
-- without an outcome is in flight, or was lost with its worker.
create table delivery_attempts (
    org_id           uuid        not null,
    endpoint_id      uuid        not null,
    event_id         uuid        not null,
    attempt_id       uuid        not null,
    number           integer     not null,
    started_at       timestamptz not null,
    duration_seconds double precision,
    outcome          text,
    status           smallint,
    excerpt          text,
    primary key (org_id, endpoint_id, event_id, attempt_id),
    foreign key (org_id, endpoint_id, event_id) references deliveries on delete cascade
);

-- What was answered to a command that carried a key; it commits with what the command did.
-- Answers are sealed, because the one that makes an endpoint contains its secret.
create table idempotency_keys (
    org_id       uuid        not null,
    actor        uuid        not null,
    key          text        not null,
    request_hash bytea       not null,
    status       smallint    not null,
    headers      jsonb       not null,
    body_key_id  text        not null,
    body_box     bytea       not null,
    recorded_at  timestamptz not null,
    primary key (org_id, actor, key)
);

create index idempotency_keys_age on idempotency_keys (recorded_at);

grant usage on schema public to notifications_service;
grant select, insert, update, delete on all tables in schema public to notifications_service;
grant usage, select on all sequences in schema public to notifications_service;
revoke insert, update, delete on schema_migrations from notifications_service;
