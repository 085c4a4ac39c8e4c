"""The HTTP API: decode, validate, record, dispatch, answer.

Knows nothing about how jobs are rendered.
"""

from service.api.server import run_server

__all__ = ["run_server"]
