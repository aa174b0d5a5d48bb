-- By hand: b-tree on the namespace, exact distance over its rows in the heap.
select p.id, p.content, p.metadata, 1 - (p.embedding <=> %(vector)s) as score
from bench.plain as p
where p.namespace = %(namespace)s
order by p.embedding <=> %(vector)s
limit %(top_k)s
