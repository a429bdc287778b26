-- An endpoint is told nothing before it has echoed a challenge at the URL it has now. Those that were there before
-- were told things without one and go on.
alter table webhook_endpoints add column verified_at timestamptz;
update webhook_endpoints set verified_at = registered_at;
