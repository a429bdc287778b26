-- The service keeps its own books: how far it has come, and what it had to park. Decisions are never removed.

grant usage on schema public to timeline_service;
grant select, insert, update, delete on checkpoints, parked_sequences, parked_events, attempts to timeline_service;
grant select, insert, update on parking_decisions to timeline_service;
