-- Up Migration

-- Whoever has just got an account signs in for the first time, and is not told of a new device. Sessions and devices can be
-- ended and forgotten by whoever is signed in; this cannot.
alter table users add column first_session_id uuid;

comment on column users.first_session_id is 'the session of the first sign-in ever; written once';
