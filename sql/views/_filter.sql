-- What a search or listing asks of memories beside their namespace, once for memory._parse_filters and
-- whoever filters: as a row type, it has no rows. Null asks nothing. Layers are not among what
-- memory._passes looks at: which tables are read says more than a test of each row.
-- A field added later comes last, and null in it must mean what was so before: a search that is under way
-- while a migration commits hands over the row it knows.
create or replace view memory._filter as
select
    null::text[] as layers,
    null::text[] as kinds,
    null::text as session, -- noqa: RF04
    null::jsonb as metadata,
    null::timestamptz as created_after,
    null::timestamptz as created_before,
    null::text as language, -- noqa: RF04
    null::boolean as narrows
where false;

comment on view memory._filter is
'Private: what a search or listing asks of memories. Has no rows.';
comment on column memory._filter.metadata is 'Contained in the metadata of a memory.';
comment on column memory._filter.language is 'Of the words that are searched for; filters nothing.';
comment on column memory._filter.narrows is 'Whether anything is asked that memory._passes looks at.';
