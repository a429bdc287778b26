-- What identifies people. History knows them by id alone; their names and addresses are here, sealed with a key
-- of their own. Erasing a person destroys the key and the profile: `person.erased` in the log says that it must be.

create table person_keys (
    org_id    uuid  not null,
    person_id uuid  not null,
    key       bytea not null check (octet_length(key) = 32),
    primary key (org_id, person_id)
);

create table profiles (
    org_id     uuid        not null,
    person_id  uuid        not null,
    version    integer     not null default 1,
    box        bytea       not null,
    revised_at timestamptz not null default now(),
    primary key (org_id, person_id),
    foreign key (org_id, person_id) references person_keys on delete cascade
);

grant select, insert, update, delete on person_keys, profiles to projects_service;
