-- Up Migration

alter table sessions add column authenticated_at timestamptz not null default now();
update sessions set authenticated_at = created_at;

comment on column sessions.authenticated_at is 'when the user last proved who they are: at sign-in, or later by password; auth_time of access tokens';

-- Each sign-in looks through the user's living sessions, not through all that ever ended. revoked_at in the condition
-- does not cost refreshes their HOT updates: they leave it null.
create index living_sessions_of_user on sessions (user_id, created_at) where revoked_at is null;
drop index sessions_of_user;
