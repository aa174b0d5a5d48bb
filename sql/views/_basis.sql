-- What a search of a namespace goes by, looked up once by memory.search: as a row type, it has no
-- rows. The reach of a layer is where something of this namespace lies in it: without it every
-- partition made ahead is opened; where nothing was ever put into a layer its end is null, and no
-- partition of it is.
-- A field added later comes last, and null in it must mean what was so before: a search that is under way
-- while a migration commits hands over the row it knows.
create or replace view memory._basis as
select
    null::text as namespace,
    null::timestamptz as at, -- noqa: RF04
    null::bigint as stored, -- noqa: RF04
    null::boolean as whole,
    null::integer as exact_rows,
    null::integer as candidates,
    null::integer as max_top_k,
    null::smallint as model, -- noqa: RF04
    null::text as model_name,
    null::integer as dim,
    null::timestamptz as interact_after,
    null::timestamptz as interact_end,
    null::timestamptz as insights_after,
    null::timestamptz as insights_end,
    null::timestamptz as assets_end
where false;

comment on view memory._basis is
'Private: what a search of a namespace goes by. Has no rows.';
comment on column memory._basis.at is 'The p_now of the search.';
comment on column memory._basis.stored is 'Everything ever stored in the namespace, gone or not.';
comment on column memory._basis.whole is 'Small enough to be read and compared as a whole.';
comment on column memory._basis.interact_end is 'No memory of the namespace expires later.';
comment on column memory._basis.assets_end is 'No memory of the namespace entered later.';
