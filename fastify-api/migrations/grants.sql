-- What each role may do, applied after every migration run. A database without these roles needs no grants: there one
-- user does everything.
do $$
begin
  if exists (select from pg_roles where rolname = 'api') then
    grant select, insert, update on users, sessions to api;
    grant select, insert on revocations to api;
    grant execute on function confirm_generations (uuid[], integer[]) to api;
  end if;
  if exists (select from pg_roles where rolname = 'worker') then
    grant select, delete on sessions, revocations to worker;
  end if;
  if exists (select from pg_roles where rolname = 'ws') then
    grant select on revocations to ws;
    grant execute on function confirm_generations (uuid[], integer[]) to ws;
  end if;
end
$$;
