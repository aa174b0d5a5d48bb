-- Remembers which sql/ folder this schema was built from; `magray migrate` calls it last.
create or replace function memory.store_code_digest(p_digest text)
returns void
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.code_state (digest) values (p_digest)
on conflict (only_row) do update set digest = excluded.digest, migrated_at = now()
$function$;

comment on function memory.store_code_digest is 'Stores the digest of sql/ after a migration.';
