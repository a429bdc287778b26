-- The one way into the log. A call carries a group of items; each item is one command's events and,
-- where the request had a key, the answer to remember. An item is recorded whole or not at all, and its
-- outcome does not touch its neighbors:
--
--   appended    its events have positions; `position` is that of the last (the head, if it had none)
--   conflict    a stream is not at the version the item expects; nothing of the item was recorded
--   replayed    its key was used before for the same request; the remembered answer is returned
--   key_reused  its key was used before for another request
--
-- Why positions are gap-free and in commit order: the lock is held until the commit is visible, and the
-- head is read in a statement of its own after the lock, hence in a snapshot that sees that commit.
--
-- Arrays of one prefix run in parallel. `part_*` say which versions an item expects of which streams
-- (an index into `streams`), sorted by item; so a later item may build on an earlier one of the same call.

create function append(
    stream_orgs uuid[], streams text[],
    item_orgs uuid[], item_actors uuid[], item_keys text[], item_hashes bytea[], item_lifetimes interval[],
    item_statuses smallint[], item_versions integer[], item_locations text[], item_bodies bytea[],
    part_items integer[], part_streams integer[], part_versions integer[], part_lengths integer[],
    event_items integer[], event_streams integer[], event_versions integer[], event_ids uuid[],
    event_types text[], event_schemas smallint[], event_projects uuid[],
    event_effective_ats timestamptz[], event_effective_floors timestamptz[], event_on_behalf_ofs uuid[],
    event_correlations uuid[], event_causations uuid[], event_traceparents text[], event_datas text[]
) returns table (
    item integer, outcome text, "position" bigint, recorded_at timestamptz,
    status smallint, version integer, location text, body bytea
)
language plpgsql security definer
set search_path = public, pg_temp
-- Arrays of any length get the same plan; making one for every call took a third of its time.
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    head          bigint;
    moment        timestamptz;
    heads         integer[];
    outcomes      text[] := array_fill(null::text, array[cardinality(item_orgs)]);
    positions     bigint[] := array_fill(null::bigint, array[cardinality(item_orgs)]);
    known         record;
    part          integer := 1;
    first_part    integer;
    fits          boolean;
    appended      integer := 0;
    has_keys      boolean := cardinality(array_remove(item_keys, null)) > 0;
    has_replays   boolean := false;
begin
    perform pg_advisory_xact_lock(hashtext('milepost.log'));

    select events.position, events.recorded_at into head, moment
    from events order by events.position desc limit 1;
    head := coalesce(head, 0);
    moment := greatest(clock_timestamp(), moment);

    if has_keys then
        for known in
            -- One look-up per key: a join would read the whole table as long as nobody knows its size.
            select wanted.item, (
                select keys.request_hash = wanted.hash from idempotency_keys as keys
                where keys.org_id = wanted.org_id and keys.actor = wanted.actor and keys.key = wanted.key
            ) as is_same
            from unnest(item_orgs, item_actors, item_keys, item_hashes)
                 with ordinality as wanted (org_id, actor, key, hash, item)
        loop
            outcomes[known.item] := case known.is_same when true then 'replayed' when false then 'key_reused' end;
            has_replays := has_replays or known.is_same is not null;
        end loop;
    end if;

    heads := array(
        select coalesce((
            select events.version from events
            where events.org_id = wanted.org_id and events.stream = wanted.stream
            order by events.version desc limit 1
        ), 0)
        from unnest(stream_orgs, streams) with ordinality as wanted (org_id, stream, number)
        order by wanted.number
    );

    for this in 1 .. cardinality(item_orgs) loop
        first_part := part;
        fits := outcomes[this] is null;
        while part_items[part] = this loop
            fits := fits and heads[part_streams[part]] = part_versions[part];
            part := part + 1;
        end loop;
        if fits then
            for this_part in first_part .. part - 1 loop
                heads[part_streams[this_part]] := heads[part_streams[this_part]] + part_lengths[this_part];
                appended := appended + part_lengths[this_part];
            end loop;
            outcomes[this] := 'appended';
            positions[this] := head + appended;
        else
            outcomes[this] := coalesce(outcomes[this], 'conflict');
        end if;
    end loop;

    insert into events (
        position, recorded_at, effective_at, event_id, org_id, project_id, actor, on_behalf_of,
        correlation_id, causation_id, version, schema_version, stream, type, traceparent, data
    )
    select
        head + row_number() over (order by new.number), moment,
        coalesce(new.effective_at, greatest(moment, new.effective_floor)), new.event_id,
        item_orgs[new.item], new.project_id, item_actors[new.item], new.on_behalf_of,
        new.correlation_id, new.causation_id, new.version, new.schema_version,
        streams[new.stream], new.type, new.traceparent, new.data::json
    from unnest(
        event_items, event_streams, event_versions, event_ids, event_types, event_schemas, event_projects,
        event_effective_ats, event_effective_floors, event_on_behalf_ofs, event_correlations,
        event_causations, event_traceparents, event_datas
    ) with ordinality as new (
        item, stream, version, event_id, type, schema_version, project_id, effective_at, effective_floor,
        on_behalf_of, correlation_id, causation_id, traceparent, data, number
    )
    where outcomes[new.item] = 'appended';

    if has_keys then
        insert into idempotency_keys
        select item_orgs[new.item], item_actors[new.item], new.key, new.hash, positions[new.item],
               new.status, new.version, new.location, new.body, moment, moment + new.lifetime
        from unnest(
            item_keys, item_hashes, item_statuses, item_versions, item_locations, item_bodies, item_lifetimes
        ) with ordinality as new (key, hash, status, version, location, body, lifetime, item)
        where new.key is not null and outcomes[new.item] = 'appended';
    end if;

    if not has_replays then
        return query
        select result.item::integer, result.outcome, result.position, moment,
               null::smallint, null::integer, null::text, null::bytea
        from unnest(outcomes, positions) with ordinality as result (outcome, position, item);
        return;
    end if;

    return query
    select result.item::integer, result.outcome, coalesce(result.position, keys.position), moment,
           keys.status, keys.version, keys.location, keys.body
    from unnest(outcomes, positions) with ordinality as result (outcome, position, item)
    left join lateral (
        select * from idempotency_keys
        where result.outcome = 'replayed'
          and org_id = item_orgs[result.item]
          and actor = item_actors[result.item]
          and key = item_keys[result.item]
    ) as keys on true
    order by result.item;
end
$$;

revoke execute on all functions in schema public from public;
