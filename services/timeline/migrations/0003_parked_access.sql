-- Whose rights are not known to the end, because an event about them is parked, may do nothing: requests look here.
grant select (org_id, sequence) on parked_sequences to timeline_service;
