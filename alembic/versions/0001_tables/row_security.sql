-- Rows of a namespace are the service's only while it has said which (magray.namespace); the owner and
-- the operator see all. To the letter the same for every table with a namespace.

do $security$
declare
    v_table text;
begin
    foreach v_table in array array[
        'interact', 'insights', 'assets', 'usage', 'access_event', 'revision', 'decision',
        'change_counter', 'idempotency', 'embedding_failure', 'score', 'recent_query', 'ghost',
        'archive_outbox', 'archived', 'archive_erasure']
    loop
        execute format($policies$
            alter table memory_data.%1$I enable row level security;
            alter table memory_data.%1$I force row level security;
            create policy %2$I on memory_data.%1$I to memory_app
                using (namespace = (select nullif(current_setting('magray.namespace', true), '')));
            create policy %3$I on memory_data.%1$I to memory_owner using (true) with check (true);
            create policy %4$I on memory_data.%1$I to memory_operator using (true) with check (true);
        $policies$, v_table, v_table || '_app', v_table || '_owner', v_table || '_operator');
    end loop;
end;
$security$;
