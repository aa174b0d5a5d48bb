"""Benchmarks: one file each; they stand above all other jobs, for they measure them."""
