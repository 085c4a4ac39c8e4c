"""The child's side of the sandbox: it confines itself, then renders or explains.

Knows nothing about asyncio, storage, SQL, HTTP or settings.
"""
