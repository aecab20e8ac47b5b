-- Up Migration

alter table sessions
  add column rotated_ip inet,
  add column moved_from inet,
  add column move_told_at timestamptz;

comment on column sessions.rotated_ip is 'where the last rotation came from; the sign-in, until there is one';
comment on column sessions.moved_from is 'decision on the last presented refresh token, like outcome: the address it had been rotated from before, when a replay or late rotation came from another network and that is to be told';

create function same_network (a inet, b inet) returns boolean language sql immutable parallel safe as $$
  select case
    when a is null or b is null then true
    when family(a) <> family(b) then false
    else network(set_masklen(a, case family(a) when 4 then 24 else 48 end)) = network(set_masklen(b, case family(b) when 4 then 24 else 48 end))
  end
$$;

comment on function same_network (inet, inet) is 'a /24 of IPv4 or a /48 of IPv6: what one provider gives one customer at most; what is not known counts as the same';

create table signing_keys (
  kid text primary key,
  first_used_at timestamptz not null default now()
);

comment on table signing_keys is 'keys that have signed an access token, so that exactly one process tells of a new one';
