-- The promise: vectors alone.
select * from memory.search(%(namespace)s, null, %(vector)s, %(top_k)s)
