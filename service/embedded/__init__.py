"""Postgres, Valkey and SeaweedFS from PyPI wheels, for `darkroom dev` and the tests.

Each server runs in a directory of its own and ends with the process that started it. Knows nothing
about the rest of the service, which does not use it in production.
"""

from service.embedded.postgres import Postgres
from service.embedded.processes import EmbeddedServer
from service.embedded.seaweedfs import SeaweedFS
from service.embedded.valkey import Valkey

__all__ = ["EmbeddedServer", "Postgres", "SeaweedFS", "Valkey"]
