-- By hand, and without what a search is for: the ids alone, index-only.
select i.id, 1 - (i.embedding <=> %(vector)s) as score
from bench.covering as i
where i.namespace = %(namespace)s
order by i.embedding <=> %(vector)s
limit %(top_k)s
