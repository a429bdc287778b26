-- When an organization was offboarded, by which event, and since when everything else about it is being removed here.
alter table access_organizations
    add column offboarded_at timestamptz,
    add column offboarded_position bigint,
    add column forgotten_at timestamptz;
-- Those that were offboarded before this was noted are kept the whole time from now on.
update access_organizations set offboarded_at = now(), offboarded_position = 0 where is_offboarded;
