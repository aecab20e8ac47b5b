-- Up Migration

-- With it a burst that presents an old refresh token, whose successor never arrived, is one late rotation and replays.
alter table sessions add column rotated_from integer not null default 0;
update sessions set rotated_from = greatest(generation - 1, 0);

comment on column sessions.rotated_from is 'generation presented at the last rotation; it and everything after it are replays within the window';
