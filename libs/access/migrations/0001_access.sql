-- Who may do what, as the events of access say it: kept beside what every service keeps of its own, for its requests.

create table access_organizations (
    org_id            uuid    not null primary key,
    requires_if_match boolean not null default false,
    is_offboarded     boolean not null default false
);

-- Those who are members now, and the projects in which they have a role now.
create table access_members (
    org_id    uuid not null,
    person_id uuid not null,
    role      text not null,
    primary key (org_id, person_id)
);

create table access_project_members (
    org_id     uuid not null,
    person_id  uuid not null,
    project_id uuid not null,
    role       text not null,
    primary key (org_id, person_id, project_id)
);

-- Keys that were not revoked. Hashes of 256 random bits: whoever reads them can open nothing.
create table access_api_keys (
    org_id             uuid        not null,
    api_key_id         uuid        not null,
    secret_hash        text        not null,
    former_secret_hash text,
    former_valid_until timestamptz,
    scopes             text[]      not null,
    project_ids        uuid[],
    expires_at         timestamptz,
    primary key (org_id, api_key_id)
);
