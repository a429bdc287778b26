-- When each position was recorded: one row per instant, with the last position recorded at it.
-- It answers which position an instant means, and the other way round.

create table moments (
    recorded_at timestamptz primary key,
    position    bigint      not null
);

-- Indexes, built last on a rebuild.

create unique index moments_position on moments (position);
