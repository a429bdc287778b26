-- Organizations that were offboarded some time ago keep their events, which are never changed, and nothing else that
-- names anybody: the keys of their people's profiles go, the profiles with them, what was answered to requests, and
-- when API keys were last used.
create index events_offboarded on events (recorded_at, org_id) where type = 'organization.offboarded';

-- Removes what is due, of the answers up to `most`; returns how many of these it removed.
create function forget_offboarded(kept_days integer, most integer) returns bigint
language sql security definer
set search_path = public, pg_temp
as $$
    with due as (
        select org_id from events
        where type = 'organization.offboarded' and recorded_at <= now() - make_interval(days => kept_days)
    ), destroyed as (
        delete from person_keys where org_id in (select org_id from due)
    ), unused as (
        delete from api_key_uses where org_id in (select org_id from due)
    ), answers as (
        select org_id, actor, key from idempotency_keys where org_id in (select org_id from due)
        limit most
        for update skip locked
    ), forgotten as (
        delete from idempotency_keys using answers
        where idempotency_keys.org_id = answers.org_id
          and idempotency_keys.actor = answers.actor
          and idempotency_keys.key = answers.key
        returning 1
    )
    select count(*) from forgotten
$$;
revoke execute on function forget_offboarded from public;
grant execute on function forget_offboarded to projects_service;
