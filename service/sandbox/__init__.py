"""The bridge from asyncio to the engine: images are rendered in child processes.

    Sandbox  ──has slots of──▶  Child  ──is asked for a──▶  Rendering
    pool.py                     child_handle.py             rendering.py
       │ has a                    ▲
       ▼                          │
    ForkServer  ──────forks───────┤
    fork_server.py                │  wire.py: messages and descriptors over a socket pair
                                  ▼
                                child.py  confined by limits, Landlock and seccomp
                                  │
                                  ▼
                                engine

`pool`, `child_handle` and `rendering` run in the worker; `fork_server` has a part on each side;
`child`, `adapter`, `confine`, `landlock` and `seccomp` run in the child, which never imports
asyncio, storage or settings.
"""
