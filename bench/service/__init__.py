"""The whole service measured: what it adds to the engine, and what its parts cost.

`stack` runs one and reads its CPU, `batches` sends it workloads, `bare` does the same work
without it, `rivals` with other servers, `idle` and `intake` time it; `load` sends requests.
"""
