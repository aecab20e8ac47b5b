-- Up Migration

-- All three tables are unlogged: a crash of the server empties them. A client buys another ticket, and socket processes
-- send their presence again.

create unlogged table ws_tickets (
  ticket_hash bytea primary key check (length(ticket_hash) = 32),
  user_id uuid not null,
  session_id uuid not null,
  refresh_generation integer not null,
  key_id text not null,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  auth_time timestamptz not null,
  amr text[] not null,
  ticket_expires_at timestamptz not null
);

create index ws_tickets_by_end on ws_tickets (ticket_expires_at);

comment on table ws_tickets is 'tickets that open a socket, not used yet; all but the hash and the last column are claims of the access token that bought it';
comment on column ws_tickets.ticket_hash is 'SHA-256 of the 32 bytes that the ticket spells; the ticket itself is only with the client';
comment on column ws_tickets.key_id is 'kid of the key that signed the access token';
comment on column ws_tickets.expires_at is 'end of the access token, not of the ticket';

-- However many ask for the same ticket at once, the row goes to one of them.
create function consume_ws_ticket (hash bytea)
  returns table (user_id uuid, session_id uuid, refresh_generation integer, key_id text,
                 issued_at timestamptz, expires_at timestamptz, auth_time timestamptz, amr text[])
  language sql volatile security definer set search_path = pg_catalog, public as $$
  delete from public.ws_tickets t where t.ticket_hash = hash and t.ticket_expires_at > now()
  returning t.user_id, t.session_id, t.refresh_generation, t.key_id, t.issued_at, t.expires_at, t.auth_time, t.amr
$$;
revoke execute on function consume_ws_ticket (bytea) from public;

comment on function consume_ws_ticket (bytea) is 'does not ask whether the session has ended: the caller does, after this answer';

create unlogged table socket_processes (
  process_id uuid primary key,
  seen_at timestamptz not null default now()
);

create unlogged table socket_presence (
  process_id uuid not null,
  session_id uuid not null,
  primary key (session_id, process_id)
);

create index socket_presence_of_process on socket_presence (process_id);

comment on table socket_processes is 'heartbeats of socket processes; one that was not seen for 30 seconds counts as dead';
comment on table socket_presence is 'sessions that have an open socket on a process; without a living process a row says nothing';

-- Rows belong to one process, so processes never wait for each other; two calls for one process take turns at its
-- heartbeat. What a process that is not known leaves behind belongs to the clean-up: it deletes no rows here, so that it
-- cannot deadlock with the clean-up, and a process that was forgotten goes on under a new id, so that the clean-up
-- cannot take away what is sent again.
create function touch_presence (process uuid, opened uuid[], closed uuid[]) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, public as $$
declare
  known boolean;
begin
  if cardinality(opened) > 10000 or cardinality(closed) > 10000 then
    raise exception 'too many sessions at once';
  end if;
  update public.socket_processes set seen_at = now() where process_id = process;
  known := found;
  if known then
    delete from public.socket_presence where process_id = process and session_id = any (closed);
  else
    insert into public.socket_processes (process_id) values (process) on conflict do nothing;
  end if;
  insert into public.socket_presence (process_id, session_id)
  select process, session_id from unnest(opened) as o (session_id) on conflict do nothing;
  return known;
end
$$;
revoke execute on function touch_presence (uuid, uuid[], uuid[]) from public;

comment on function touch_presence (uuid, uuid[], uuid[]) is
  'heartbeat of a socket process and what has changed since the last; closed goes before opened. False: the process was not known and what it had sent before is lost, unless this is its first call';
