-- Up Migration

-- Processes that have seen the same access tokens confirm them at the same time. Each locks its sessions in the order of
-- their ids, as whoever ends several does, so that none of them deadlocks.
create or replace function confirm_generations (session_ids uuid[], generations integer[]) returns void
  language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  with seen as (
    select p.id, max(p.generation) as generation from unnest(session_ids, generations) as p (id, generation) group by p.id
  ), locked as (
    select s.id, seen.generation
      from public.sessions s join seen on s.id = seen.id
     where s.confirmed_generation < seen.generation and seen.generation <= s.generation
     order by s.id for no key update of s
  )
  update public.sessions s
     set confirmed_generation = locked.generation
    from locked
   where s.id = locked.id and s.confirmed_generation < locked.generation and locked.generation <= s.generation
$$;
