"""The bridge from asyncio to the engine: images are rendered in child processes.

    Sandbox  ──has slots of──▶  Child  ──is asked for a──▶  Rendering
    pool.py                     handle.py                   rendering.py
                                  │  wire.py: messages and descriptors over a socket pair
                                  ▼
                                child.py  confined by limits, Landlock and seccomp
                                  │
                                  ▼
                                engine

`pool`, `handle` and `rendering` run in the worker; `child`, `adapter`, `confine`,
`landlock` and `seccomp` in the child, which never imports asyncio, storage or settings.
"""
