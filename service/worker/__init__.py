"""A worker: claim, fetch, render, publish, settle, queue the callback.

Knows nothing about the API.
"""

from service.worker.worker import run_worker

__all__ = ["run_worker"]
