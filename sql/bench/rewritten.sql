-- The way that lost: the heap written anew, in the order of the namespaces, every value that may be
-- compressed by pglz, none moved out, no rest in the pages. Its bytes, and those of its b-trees.
create temporary table rewritten (like memory_data.insights including defaults)
with (fillfactor = 100, toast_tuple_target = 128);
alter table rewritten
alter embedding set storage plain,
alter content set storage main, alter content set compression pglz,
alter search set storage main, alter search set compression pglz,
alter metadata set storage main, alter metadata set compression pglz;
insert into rewritten
select * from memory_data.insights
order by namespace, id;
create index on rewritten (namespace, id, expires_at);
create index on rewritten (namespace, content_hash);
create index on rewritten (namespace, session, turn) where session is not null;
create index on rewritten (namespace, created_at, id);
