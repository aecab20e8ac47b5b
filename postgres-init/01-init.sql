-- Run by a superuser inside the database of the application; running it again changes nothing. It makes the roles and
-- says who may enter. Tables, and what each role may do with them, come with the migrations, which auth_owner runs.
-- Passwords are set by whoever deploys this: until then nobody can sign in as one of these roles.

do $$
declare
  role_name text;
begin
  foreach role_name in array array['auth_owner', 'api', 'worker', 'ws'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I', role_name);
    end if;
    execute format('alter role %I login nosuperuser nocreatedb nocreaterole noreplication nobypassrls', role_name);
    execute format('grant connect on database %I to %I', current_database(), role_name);
  end loop;
  execute format('revoke all on database %I from public', current_database());
end
$$;

alter schema public owner to auth_owner;
revoke all on schema public from public;
grant usage on schema public to api, worker, ws;
