-- Two roles instead of one: notifications_internal tells and delivers for all organizations, notifications_service
-- answers requests, each for one organization, and may do no more than requests need.

grant usage on schema public to notifications_internal;
grant select, insert, update, delete on all tables in schema public to notifications_internal;
grant usage, select on all sequences in schema public to notifications_internal;
revoke insert, update, delete on schema_migrations from notifications_internal;

revoke all on all tables in schema public from notifications_service;
revoke all on all sequences in schema public from notifications_service;
grant select, insert, update, delete on subscriptions to notifications_service;
grant select, insert, update on webhook_endpoints, webhook_health, rule_revisions, deliveries to notifications_service;
grant select, insert on webhook_bodies, idempotency_keys to notifications_service;
grant select, update on inbox_items to notifications_service;
grant select on delivery_attempts, schema_migrations to notifications_service;
-- Changing a rule holds the checkpoint, which takes the right to update a column of it.
grant select, insert (name, position), update (updated_at) on checkpoints to notifications_service;

-- Who may do what, as far as it is known here.
grant select on access_organizations, access_members, access_project_members, access_api_keys to notifications_service;
