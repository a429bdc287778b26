-- The service may read the log and append to it through the function; it may not write, change or
-- remove an event by any other way. The relay may only read.

grant usage on schema public to projects_service, projects_relay;
grant select on events, idempotency_keys to projects_service;
grant select on events to projects_relay;
grant execute on function append, forget_expired_keys, cloud_event to projects_service;
grant execute on function cloud_event to projects_relay;
