-- Memories of one namespace with their vectors, stored as if it were then.
select from memory.remember_many(
    %(namespace)s, %(memories)s, %(embeddings)s::public.halfvec[], p_now => %(now)s
)
