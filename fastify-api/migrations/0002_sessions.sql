-- Up Migration

-- One sign-in is one session is one refresh-token family is one row. A refresh updates the row in place: nothing it
-- writes is indexed and pages keep free space, so updates stay HOT and the table keeps its size.
create table sessions (
  id uuid primary key default uuid_v7(),
  user_id uuid not null references users (id),
  secret_hash bytea not null check (length(secret_hash) = 32),
  generation integer not null default 0 check (generation >= 0),
  confirmed_generation integer not null default 0,
  rotated_at timestamptz not null default clock_timestamp(),
  replays integer not null default 0,
  outcome text,
  amr text[] not null,
  user_agent text,
  ip inet,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  idle_expires_at timestamptz not null,
  revoked_at timestamptz,
  revoke_reason text,
  check (confirmed_generation <= generation)
) with (fillfactor = 70);

create index sessions_of_user on sessions (user_id);
create index sessions_by_end on sessions (expires_at);

comment on column sessions.secret_hash is 'SHA-256 of the family secret; the secret itself is only in the client''s cookie';
comment on column sessions.confirmed_generation is 'highest generation whose access token some server has seen';
comment on column sessions.replays is 'how often the current generation was handed out again';
comment on column sessions.outcome is 'decision on the last presented refresh token; written so that RETURNING can answer with it';
comment on column sessions.expires_at is 'absolute end, never moves';
comment on column sessions.revoked_at is 'revoked rows stay until expires_at, so that an old generation is still recognised';

-- Called by whoever verifies access tokens, socket nodes included, which may not touch the table itself.
create function confirm_generations (session_ids uuid[], generations integer[]) returns void
  language sql volatile security definer set search_path = pg_catalog, public as $$
  update public.sessions s
     set confirmed_generation = seen.generation
    from (select p.id, max(p.generation) as generation
            from unnest(session_ids, generations) as p (id, generation) group by p.id) seen
   where s.id = seen.id and s.confirmed_generation < seen.generation and seen.generation <= s.generation
$$;
revoke execute on function confirm_generations (uuid[], integer[]) from public;
