-- When an API key last opened anything, here, in another service or at NATS: to the minute, and no part of history.

create table api_key_uses (
    org_id       uuid        not null,
    api_key_id   uuid        not null,
    last_used_at timestamptz not null,
    primary key (org_id, api_key_id)
);

grant select, insert, update on api_key_uses to projects_service;
