"""Listing and controlling processes over HTTP: lists, waiting, bulk creation, redelivery.

Knows nothing about how a process is recorded or rendered.
"""

from service.api.steering.listing import DEFAULT_LIMIT, MAX_LIMIT
from service.api.steering.many import ManyIntake
from service.api.steering.routes import CALLBACKS, MANY, STATUS_WATCH, routes
from service.api.steering.status_watch import LONGEST as LONGEST_WAIT
from service.api.steering.status_watch import StatusWatch, read_wait

__all__ = [
    "CALLBACKS",
    "DEFAULT_LIMIT",
    "LONGEST_WAIT",
    "MANY",
    "MAX_LIMIT",
    "STATUS_WATCH",
    "ManyIntake",
    "StatusWatch",
    "read_wait",
    "routes",
]
