-- Whether the caller is shown what memories say. Who may read the tables always is; analysts are as
-- the setting analyst_sees_content says. With the owner's rights, for analysts read no setting.
create or replace function memory._sees_content()
returns boolean
language sql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
select has_schema_privilege(memory._calling_role(), 'memory_data', 'usage')
    or exists (select from memory_data.setting as s where s.key = 'analyst_sees_content' and s.value = 'true')
$function$;

comment on function memory._sees_content is
'Whether the caller is shown content and metadata of memories.';
