-- The log: every event, once, in the order in which the world learned of it.
-- Nobody writes here but the function append(); see 0002_append.sql.

create table events (
    position       bigint      not null,
    recorded_at    timestamptz not null,
    effective_at   timestamptz not null check (isfinite(effective_at)),
    event_id       uuid        not null,
    org_id         uuid        not null,
    project_id     uuid,
    actor          uuid        not null,
    on_behalf_of   uuid,
    correlation_id uuid,
    causation_id   uuid,
    version        integer     not null check (version > 0),
    schema_version smallint    not null check (schema_version > 0),
    stream         text        not null check (stream ~ '^[a-z_]+-[0-9a-f-]{36}$'),
    type           text        not null,
    traceparent    text        check (traceparent ~ '^[0-9a-f-]{55}$'),
    data           json        not null,
    primary key (position),
    unique (org_id, stream, version),
    unique (org_id, event_id)
);

-- What was answered to a request that carried a key. It commits with the events of the request.
create table idempotency_keys (
    org_id       uuid     not null,
    actor        uuid     not null,
    key          text     not null,
    request_hash bytea    not null,
    position     bigint   not null,
    status       smallint not null,
    version      integer,
    location     text,
    body         bytea    not null,
    recorded_at  timestamptz not null,
    expires_at   timestamptz,
    primary key (org_id, actor, key)
);

create index idempotency_keys_expiry on idempotency_keys (expires_at) where expires_at is not null;

-- An event in the one form it has outside the log: CloudEvents 1.0.2 structured JSON.
-- Every value is a number, an id, an instant or a checked token, so nothing needs escaping.
create function cloud_event(event events) returns text
language sql stable parallel safe
return '{"specversion":"1.0","id":"' || event.event_id
    || '","source":"/milepost/projects","type":"' || event.type
    || '","subject":"' || event.stream
    || '","time":"' || to_char(event.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    || '","datacontenttype":"application/json","dataschema":"/schemas/' || event.type || '/' || event.schema_version
    || '","position":' || event.position
    || ',"sequence":"' || lpad(event.position::text, 20, '0')
    || '","streamversion":' || event.version
    || ',"schemaversion":' || event.schema_version
    || ',"orgid":"' || event.org_id
    || '","effectiveat":"' || to_char(event.effective_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    || '","actor":"' || event.actor || '"'
    || coalesce(',"projectid":"' || event.project_id || '"', '')
    || coalesce(',"onbehalfof":"' || event.on_behalf_of || '"', '')
    || coalesce(',"correlationid":"' || event.correlation_id || '"', '')
    || coalesce(',"causationid":"' || event.causation_id || '"', '')
    || coalesce(',"traceparent":"' || event.traceparent || '"', '')
    || ',"data":' || event.data::text || '}';

-- Forget answers whose time is over; returns how many it forgot.
create function forget_expired_keys(most integer) returns bigint
language sql security definer
set search_path = public, pg_temp
as $$
    with expired as (
        select org_id, actor, key from idempotency_keys
        where expires_at < now()
        limit most
        for update skip locked
    ), forgotten as (
        delete from idempotency_keys using expired
        where idempotency_keys.org_id = expired.org_id
          and idempotency_keys.actor = expired.actor
          and idempotency_keys.key = expired.key
        returning 1
    )
    select count(*) from forgotten
$$;
