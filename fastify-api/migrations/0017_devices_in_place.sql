-- Up Migration

-- Every sign-in from a known device writes when it was used. With an index on that instant the row moved each time, and all
-- indexes got another entry; the month changes seldom, so the row is updated in place (HOT) in the room that its page keeps.
drop index devices_by_last_use;
alter table devices set (fillfactor = 85);
alter table devices add column last_used_month date not null generated always as (date_trunc('month', last_used_at at time zone 'UTC')) stored;
create index devices_by_month on devices (last_used_month);

comment on column devices.last_used_month is 'first day of the month, UTC, for the clean-up';
