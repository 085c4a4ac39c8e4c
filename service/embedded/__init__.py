"""Postgres, Valkey and SeaweedFS from PyPI wheels, for `darkroom dev` and the tests.

They are the real servers, started in a directory of their own and ended with
the process that started them. Nothing here is used in production.
"""

from service.embedded.postgres import Postgres
from service.embedded.seaweedfs import SeaweedFS
from service.embedded.valkey import Valkey

__all__ = ["Postgres", "SeaweedFS", "Valkey"]
