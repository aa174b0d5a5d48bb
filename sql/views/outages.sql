-- One row an outage, newest first.
create or replace view memory.outages as
select o.began_at, o.ended_at, o.ended_at - o.began_at as lasted, o.cause, o.detail, o.restarted
from memory_data.outage as o
order by o.began_at desc, o.id desc;

comment on view memory.outages is
'When the services could not reach the database, for how long, and why.';
comment on column memory.outages.began_at is 'When a service noticed.';
comment on column memory.outages.ended_at is 'When a service reached it again.';
comment on column memory.outages.lasted is 'The time between.';
comment on column memory.outages.cause is 'Why, in a few words.';
comment on column memory.outages.detail is 'What PostgreSQL or the system said of it.';
comment on column memory.outages.restarted is 'Whether a service started PostgreSQL again.';
