"""Work that is not a request: import and export, benchmarks."""
