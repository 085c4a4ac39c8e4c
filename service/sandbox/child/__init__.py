"""The child's side of the sandbox: it confines itself, and renders or explains.

Knows nothing of asyncio, storage, SQL, HTTP or settings.
"""
