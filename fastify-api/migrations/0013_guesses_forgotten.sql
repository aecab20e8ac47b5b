-- Up Migration

alter table users add column guesses_forgotten_at timestamptz not null default now();

comment on column users.guesses_forgotten_at is 'wrong passwords before it do not count any more: the account is new, was unlocked or got a new password';
