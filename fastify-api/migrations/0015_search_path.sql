-- Up Migration

-- A search path that does not name pg_temp is searched after it: whoever may make temporary objects, which PUBLIC may in a
-- database that postgres-init/01-init.sql has not seen (a restored one, say), could put a type or a table of its own in the
-- place of one that a function of the owner names (CVE-2007-2138).
alter function confirm_generations (uuid[], integer[]) set search_path = pg_catalog, public, pg_temp;
alter function consume_ws_ticket (bytea) set search_path = pg_catalog, public, pg_temp;
alter function touch_presence (uuid, uuid[], uuid[]) set search_path = pg_catalog, public, pg_temp;
alter function make_audit_month (timestamptz) set search_path = pg_catalog, public, pg_temp;
alter function drop_old_audit_months (interval) set search_path = pg_catalog, public, pg_temp;
