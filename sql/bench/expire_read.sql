-- What a reader of the layer asks for while others expire.
select count(*) from memory.list_memories(%(namespace)s, 10)
