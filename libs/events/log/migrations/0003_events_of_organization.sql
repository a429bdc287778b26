-- What readers of one organization ask for: its events after a position, in order, however many others there are.

create index events_of_organization on events (org_id, position);
