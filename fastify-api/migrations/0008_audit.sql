-- Up Migration

-- Everything that has happened, for good: rows are added, and whole months go when they are old enough. No default
-- partition, because each new month would have to look through it.
create table audit_log (
  event_id uuid not null,
  occurred_at timestamptz(3) not null,
  recorded_at timestamptz not null default now(),
  type text not null,
  user_id uuid,
  session_id uuid,
  request_id text,
  ip inet,
  user_agent text,
  data jsonb not null,
  primary key (occurred_at, event_id)
) partition by range (occurred_at);

create index audit_log_of_user on audit_log (user_id, occurred_at, event_id) where user_id is not null;

comment on table audit_log is 'append-only; one partition for each month of UTC, named audit_log_YYYY_MM';
comment on column audit_log.data is 'members of the event''s data that have no column';

-- The worker may not make tables; it may ask for a month, and only for one that an event can still come from. The table is
-- made first and attached then, which lets everybody read and add meanwhile: "create table … partition of" would not.
create function make_audit_month (instant timestamptz) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, public as $$
declare
  month date := date_trunc('month', instant at time zone 'UTC');
  this_month date := date_trunc('month', now() at time zone 'UTC');
  partition text := 'audit_log_' || to_char(month, 'YYYY_MM');
begin
  if month is null or month not between this_month - interval '12 months' and this_month + interval '1 month' then
    raise exception 'no audit log is kept for the month of %', instant using errcode = 'invalid_parameter_value';
  end if;
  if to_regclass('public.' || partition) is not null then
    return;
  end if;
  -- One at a time. A lock of the table, unlike an advisory one, also brings news of what others have made.
  lock table only public.audit_log in share update exclusive mode;
  if to_regclass('public.' || partition) is not null then
    return;
  end if;
  execute format('create table public.%I (like public.audit_log including all)', partition);
  execute format('alter table public.audit_log attach partition public.%I for values from (%L) to (%L)', partition,
    to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
end
$$;
revoke execute on function make_audit_month (timestamptz) from public;

-- Dropping a month wants the whole log for itself. Whoever waits for that makes everybody else wait, so it gives up soon.
create function drop_old_audit_months (keep interval) returns integer
  language plpgsql volatile security definer set search_path = pg_catalog, public set lock_timeout = '500ms' as $$
declare
  partition regclass;
  dropped integer := 0;
begin
  if keep < interval '30 days' then
    raise exception 'the audit log is kept for 30 days at least' using errcode = 'invalid_parameter_value';
  end if;
  if not pg_try_advisory_xact_lock(hashtext('drop_old_audit_months')) then
    return 0;
  end if;
  for partition in
    select c.oid::regclass from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'public.audit_log'::regclass
       and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= (now() - keep) at time zone 'UTC'
     order by c.relname
  loop
    execute format('drop table %s', partition);
    dropped := dropped + 1;
  end loop;
  return dropped;
exception when lock_not_available then
  return 0;
end
$$;
revoke execute on function drop_old_audit_months (interval) from public;

comment on function make_audit_month (timestamptz) is 'makes sure that the month of this instant has a partition: from 12 months ago to the next month';
comment on function drop_old_audit_months (interval) is 'drops the months that ended longer ago than this; 0 also when the log was busy for half a second, then the next call does it';

select make_audit_month(now()), make_audit_month(now() + interval '1 month');
