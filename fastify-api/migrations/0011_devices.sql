-- Up Migration

-- A browser that an account has signed in from. Its cookie holds a secret for each account that uses the browser.
create table devices (
  id uuid primary key default uuid_v7(),
  user_id uuid not null references users (id),
  secret_hash bytea not null unique check (length(secret_hash) = 32),
  user_agent text,
  ip inet,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  unique (user_id, id)
);

create index devices_by_last_use on devices (last_used_at);

comment on column devices.secret_hash is 'SHA-256 of the secret; the secret itself is only in the browser';
comment on column devices.last_used_at is 'last sign-in; user_agent and ip are of that one';

-- Without a foreign key: forgetting a device would have to write, and so to lock, rows that refreshes are working on.
alter table sessions add column device_id uuid;

comment on column sessions.device_id is 'the device that signed in; it may have been forgotten since';

-- Consecutive wrong passwords, one row for each known device and one for all unknown devices of an account together.
create table guess_ceilings (
  user_id uuid not null references users (id),
  device_id uuid,
  failures smallint not null check (failures >= 0),
  locked_at timestamptz,
  unique nulls not distinct (user_id, device_id),
  foreign key (user_id, device_id) references devices (user_id, id) on delete cascade
);

comment on column guess_ceilings.device_id is 'null for all devices that the account does not know';
comment on column guess_ceilings.failures is 'counted before the password is compared; a right one deletes the row';
comment on column guess_ceilings.locked_at is 'when the last failure that was allowed had happened and was told';
