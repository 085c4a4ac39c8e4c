"""Dispatch: ids through arq, and keeping Redis in step with Postgres.

Knows nothing about HTTP or images.
"""

from service.dispatch.batching import Batcher
from service.dispatch.dispatcher import Dispatcher
from service.dispatch.queue import CALLBACK, RENDER, Dispatch, Queue, connect
from service.dispatch.rates import Rates
from service.dispatch.reconciler import Reconciler, dispatch_of
from service.dispatch.refill import Refill
from service.dispatch.worker import Backlog, Capacity, Duty, Worker, unclaimed

__all__ = [
    "CALLBACK",
    "RENDER",
    "Backlog",
    "Batcher",
    "Capacity",
    "Dispatch",
    "Dispatcher",
    "Duty",
    "Queue",
    "Rates",
    "Reconciler",
    "Refill",
    "Worker",
    "connect",
    "dispatch_of",
    "unclaimed",
]
