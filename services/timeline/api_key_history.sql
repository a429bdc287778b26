-- Every API key: how it stands (api_keys), and each change with the state after it (api_key_changes).
-- Nothing here opens anything: not even the hashes of secrets are kept.

create table api_keys (
    org_id             uuid        not null,
    api_key_id         uuid        not null,
    known_from         bigint      not null,
    version            integer     not null,
    recorded_at        timestamptz not null,
    effective_at       timestamptz not null,
    name               text        not null,
    scopes             text        not null,
    project_ids        text,
    issued_at          timestamptz not null,
    issued_by          uuid        not null,
    expires_at         timestamptz,
    former_valid_until timestamptz,
    is_revoked         boolean     not null,
    primary key (org_id, api_key_id)
) with (fillfactor = 70);

create table api_key_changes (
    like api_keys,
    type   text not null,
    actor  uuid not null,
    note   text,
    detail json
);

-- Indexes, built last on a rebuild.

alter table api_key_changes add primary key (org_id, api_key_id, known_from);
