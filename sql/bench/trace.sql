-- Prepares a scratch database for the replay of an access trace: a record is as large as the object
-- it stands for (texts of megabytes are not written), and nothing is added for indexes, for the
-- policies it is compared with add nothing either.
update memory_data.setting set value = '0'
where key = 'record_overhead_bytes';

create function memory_data.take_size_of_object() returns trigger language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
begin
    new.size := (new.metadata ->> 'bytes')::integer;
    return new;
end;
$function$;
create trigger take_size before insert on memory_data.interact
for each row execute function memory_data.take_size_of_object();
create trigger take_size before insert on memory_data.insights
for each row execute function memory_data.take_size_of_object();
create trigger take_size before insert on memory_data.assets
for each row execute function memory_data.take_size_of_object();
