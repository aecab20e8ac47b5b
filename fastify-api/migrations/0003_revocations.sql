-- Up Migration

-- The fact that a session ended, committed with the change that ended it. Readers hold the recent rows in memory.
create table revocations (
  sid uuid primary key,
  user_id uuid not null,
  reason text not null,
  revoked_at timestamptz not null default clock_timestamp()
);

create index revocations_by_time on revocations (revoked_at);

comment on table revocations is 'one row per ended session; deleted once no access token of it can be alive';

-- A trigger, so that no statement that ends a session can forget the news. The channel name is the feed's.
create function notify_revocation () returns trigger language plpgsql as $$
begin
  perform pg_notify('revocations', json_build_object(
    'sid', new.sid, 'sub', new.user_id, 'reason', new.reason,
    'revokedAt', floor(extract(epoch from new.revoked_at) * 1000))::text);
  return null;
end
$$;

create trigger notify_revocation after insert on revocations for each row execute function notify_revocation();
