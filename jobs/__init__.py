"""Work that is not a request: archive, backup, bench, demo, simulate, train, transfer.

None of them imports another; `bench` measures all of them. What several need stands below them:
`storage`, `files`, `scratch.py` and `statistics.py`. `make lint` holds it.
"""
