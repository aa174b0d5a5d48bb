"""Benchmarks: one file each, what they share in `measure.py` (statistics) and `scratch.py`."""
