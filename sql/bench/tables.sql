-- What memory.search is measured against: the same vectors in one plain table of a person who needs
-- nothing but search within a namespace. No partitions, no layers, no row security.
create schema bench;

create table bench.plain as
select m.id, m.namespace, m.content, m.metadata, m.expires_at, m.embedding
from memory._memories as m;
alter table bench.plain add primary key (id);
create index plain_namespace on bench.plain (namespace);

create table bench.covering as select p.* from bench.plain as p;
alter table bench.covering add primary key (id);
create index covering_namespace on bench.covering (namespace) include (id, embedding);
