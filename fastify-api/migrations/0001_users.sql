-- Up Migration

-- RFC 9562 version 7 from the database's clock; PostgreSQL has its own from 18 on, this works from 15 on.
create function uuid_v7 () returns uuid language sql volatile parallel safe as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid
$$;

create table users (
  id uuid primary key default uuid_v7(),
  username text not null unique check (username ~ '^[a-z0-9._-]{3,64}$'),
  email text unique check (email = lower(email) and length(email) <= 254),
  password_hash text not null,
  password_pepper_version smallint not null,
  password_changed_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  disabled_at timestamptz
);

comment on column users.username is 'canonical form: trimmed, NFC, lower case';
comment on column users.password_hash is 'PHC or modular crypt string over base64(HMAC-SHA-384(pepper, password))';
