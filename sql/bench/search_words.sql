-- The promise: a question with its vector.
select * from memory.search(%(namespace)s, %(question)s, %(vector)s, %(top_k)s)
