-- Two roles instead of one: timeline_internal keeps the books and the read models of all organizations,
-- timeline_service answers questions, reads only, and sees one organization at a time.

grant usage on schema public to timeline_internal;
grant select, insert, update, delete on checkpoints, parked_sequences, parked_events, attempts to timeline_internal;
grant select, insert, update on parking_decisions to timeline_internal;

revoke all on checkpoints, parked_sequences, parked_events, attempts, parking_decisions from timeline_service;
grant select on checkpoints to timeline_service;

-- Who may do what, as far as it is known here.
grant select, insert, update, delete on access_organizations, access_members, access_project_members, access_api_keys
    to timeline_internal;
grant select on access_organizations, access_members, access_project_members, access_api_keys to timeline_service;
