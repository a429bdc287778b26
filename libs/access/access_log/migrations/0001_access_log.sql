-- Who was denied what, and who decided over others. Services add to it and read it; nobody changes it, and only what
-- is old can be removed.

create table access_log (
    org_id      uuid        not null,
    recorded_at timestamptz not null,
    entry_id    uuid        not null,
    kind        text        not null check (kind in ('denied', 'administrative')),
    actor       uuid,
    operator    text        check (length(operator) between 1 and 64),
    operation   text        not null check (length(operation) <= 200),
    target_id   uuid,
    status      smallint,
    code        text        check (length(code) <= 64),
    trace_id    text        check (trace_id ~ '^[0-9a-f]{32}$'),
    primary key (org_id, recorded_at, entry_id),
    check (num_nonnulls(actor, operator) = 1)
);
create index access_log_age on access_log (recorded_at);

-- Removes up to `most` entries older than `kept_days`; returns how many it removed.
create function forget_access_log(kept_days integer, most integer) returns bigint
language sql security definer
set search_path = public, pg_temp
as $$
    with old as (
        select org_id, recorded_at, entry_id from access_log
        where recorded_at < now() - make_interval(days => greatest(kept_days, 30))
        limit most
        for update skip locked
    ), forgotten as (
        delete from access_log using old
        where access_log.org_id = old.org_id
          and access_log.recorded_at = old.recorded_at
          and access_log.entry_id = old.entry_id
        returning 1
    )
    select count(*) from forgotten
$$;
revoke execute on function forget_access_log from public;

alter table access_log enable row level security, force row level security;
-- Not even the owner can remove what is younger than a month.
create policy forgetting on access_log to current_user using (recorded_at < now() - interval '30 days');

-- The roles of a service are named after it, as its owner is.
do $grants$
declare
    service text := replace(current_user, '_owner', '');
    serving text := service || '_service';
    internal text := service || '_internal';
begin
    execute format('revoke all on access_log from %I', serving);
    execute format('grant select, insert on access_log to %I', serving);
    execute format('grant execute on function forget_access_log to %I', serving);
    execute format(
        'create policy one_organization on access_log to %I'
        ' using (org_id = nullif(current_setting(''app.organization'', true), '''')::uuid)', serving);
    if exists (select from pg_roles where rolname = internal) then
        execute format('revoke all on access_log from %I', internal);
        execute format('grant insert on access_log to %I', internal);
    end if;
end
$grants$;
