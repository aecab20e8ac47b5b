-- Up Migration

-- What the risk rules have seen lately. A thing that is seen again within its minute is the same row, so an event that
-- comes twice changes nothing, and neither an event nor a flood of equal ones makes the table grow.
create table risk_observations (
  rule text not null,
  group_key text not null,
  minute integer not null,
  counted_key text not null,
  recorded_at timestamptz not null default now(),
  primary key (rule, group_key, minute, counted_key)
);

create index risk_observations_by_record on risk_observations (recorded_at);

comment on column risk_observations.group_key is 'what the rule groups by: a network, the keyed hash of an identifier, or a session id';
comment on column risk_observations.minute is 'when it happened, in minutes since the epoch';
comment on column risk_observations.counted_key is 'what the rule counts distinct ones of; same forms as group_key';

create table risks (
  rule text not null,
  group_key text not null,
  minute integer not null,
  recorded_at timestamptz not null default now(),
  primary key (rule, group_key, minute)
);

create index risks_by_record on risks (recorded_at);

comment on table risks is 'when a rule has raised a risk for a group, for its cool-down; the risk itself is an event';
