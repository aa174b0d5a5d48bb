"""Replays access traces through the real SQL functions, beside the policies of caches."""
