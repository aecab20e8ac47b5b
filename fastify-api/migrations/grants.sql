-- What each role may do, applied after every migration run. A database without these roles needs no grants: there one
-- user does everything.
do $$
begin
  if exists (select from pg_roles where rolname = 'api') then
    grant select, insert, update on users, sessions to api;
    grant select, insert on revocations to api;
    grant insert on ws_tickets, outbox to api;
    grant select, insert on signing_keys to api;
    grant select, insert, update, delete on devices, guess_ceilings to api;
    grant select on socket_processes, socket_presence to api;
    grant select on audit_log to api;
    grant execute on function confirm_generations (uuid[], integer[]) to api;
  end if;
  if exists (select from pg_roles where rolname = 'worker') then
    grant select, delete on sessions, revocations, ws_tickets, socket_processes, socket_presence to worker;
    grant select, insert, update, delete on mails to worker;
    grant select (id, username, email, created_at, first_session_id) on users to worker;
    grant select, delete on devices to worker;
    grant insert on audit_log to worker;
    grant execute on function make_audit_month (timestamptz), drop_old_audit_months (interval) to worker;
    grant select, insert, delete on risk_observations, risks to worker;
    grant select, insert, delete on outbox to worker;
    grant select, update on outbox_lanes to worker;
    grant select, insert, update, delete on dead_letters to worker;
  end if;
  if exists (select from pg_roles where rolname = 'ws') then
    grant select on revocations to ws;
    grant execute on function confirm_generations (uuid[], integer[]), consume_ws_ticket (bytea), touch_presence (uuid, uuid[], uuid[]) to ws;
  end if;
end
$$;
