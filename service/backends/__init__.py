"""Backends of an API or worker: Postgres, Redis, the storages and the web, opened and watched.

Knows nothing about what they are used for.
"""

from service.backends.backends import Backends, open_backends, open_measured_store

__all__ = ["Backends", "open_backends", "open_measured_store"]
