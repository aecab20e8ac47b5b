-- Up Migration

-- Mails to users about what has happened to their accounts. A consumer writes the rows, a sender of any worker takes
-- those that are due.
create table mails (
  id uuid primary key default uuid_v7(),
  event_id uuid not null,
  template text not null,
  user_id uuid not null references users (id) on delete cascade,
  recipient text not null,
  occurred_at timestamptz not null,
  details jsonb not null,
  created_at timestamptz not null default now(),
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'abandoned', 'suppressed')),
  waiting_since timestamptz not null default now(),
  next_try_at timestamptz not null default now(),
  attempts integer not null default 0,
  last_error text,
  finished_at timestamptz check ((finished_at is null) = (state = 'waiting')),
  unique (event_id, template)
);

create index mails_due on mails (next_try_at) where state = 'waiting';
create index mails_of_user on mails (user_id, template, created_at);
create index mails_by_end on mails (finished_at) where state <> 'waiting';

comment on column mails.recipient is 'the address of the account when the event was handled: whoever takes an account over and changes its address must not get this mail instead';
comment on column mails.details is 'what the text says beside the time; never a secret';
comment on column mails.waiting_since is 'when it was written or an administrator wanted it tried again; a day later it is abandoned';
comment on column mails.next_try_at is 'while a worker sends it: when another may take it over';
comment on column mails.last_error is 'code of the library and of the SMTP reply, such as EENVELOPE 550';
comment on column mails.state is 'suppressed: the user had enough mails of this template within the hour';
