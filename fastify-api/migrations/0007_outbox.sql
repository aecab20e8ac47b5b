-- Up Migration

-- What happened, committed with what made it happen and deleted once it has been handed on. Order is kept within a lane,
-- and whatever concerns one session is in one lane. A sequence number is taken while the row of its session is locked, so
-- within a session it rises in the order of the commits.
create table outbox (
  position bigint generated always as identity primary key,
  id uuid not null default uuid_v7(),
  type text not null,
  occurred_at timestamptz not null default clock_timestamp(),
  user_id uuid,
  session_id uuid,
  request_id text,
  data jsonb not null default '{}',
  lane smallint not null generated always as (get_byte(uuid_send(coalesce(session_id, user_id, id)), 15) % 16) stored
);

create index outbox_by_lane on outbox (lane, position);

comment on table outbox is 'events that have not been handed on yet';
comment on column outbox.id is 'id of the event, by which consumers recognise one that comes twice';
comment on column outbox.data is 'members of the event''s data beside sessionId; never a secret';

-- One worker at a time has a lane: until it says that it is done, or has not said anything until the lease ends.
create table outbox_lanes (
  lane smallint primary key,
  lease uuid,
  leased_until timestamptz not null default '-infinity'
);
insert into outbox_lanes (lane) select generate_series(0, 15);

-- Events that a consumer could not make sense of, however often it tried, when no broker keeps them.
create table dead_letters (
  event_id uuid not null,
  consumer text not null,
  event jsonb not null,
  reason text not null,
  died_at timestamptz not null default now(),
  replay boolean not null default false,
  primary key (event_id, consumer)
);

comment on column dead_letters.replay is 'the worker hands it to its consumer once more';
comment on column dead_letters.consumer is 'which consumer failed; relay when the outbox held something that is no event';
