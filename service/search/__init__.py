"""A search from its question to its answer, and what answers a repeated one."""
