-- By hand: the vector INCLUDEd in the b-tree, index-only, then the rows of the best.
select c.id, c.content, c.metadata, 1 - n.distance as score
from (
    select i.id, i.embedding <=> %(vector)s as distance
    from bench.covering as i
    where i.namespace = %(namespace)s
    order by i.embedding <=> %(vector)s
    limit %(top_k)s) as n
join bench.covering as c on c.id = n.id
order by n.distance
