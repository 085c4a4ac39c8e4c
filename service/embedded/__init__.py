"""Postgres, Valkey and SeaweedFS from PyPI wheels, for `darkroom dev` and the tests.

They are the real servers, started in a directory of their own and ended with the process that
started them. Knows nothing of the rest of the service, and nothing of it is used in production.
"""

from service.embedded.postgres import Postgres
from service.embedded.processes import EmbeddedServer
from service.embedded.seaweedfs import SeaweedFS
from service.embedded.valkey import Valkey

__all__ = ["EmbeddedServer", "Postgres", "SeaweedFS", "Valkey"]
