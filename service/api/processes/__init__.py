"""Listing and controlling processes over HTTP: lists, waiting, bulk creation, redelivery.

Knows nothing about how a process is recorded or rendered.
"""

from service.api.processes.bulk_intake import BulkIntake
from service.api.processes.listing import DEFAULT_LIMIT, MAX_LIMIT
from service.api.processes.routes import BULK_INTAKE, CALLBACKS, STATUS_WATCH, routes
from service.api.processes.status_watch import LONGEST as LONGEST_WAIT
from service.api.processes.status_watch import StatusWatch, read_wait

__all__ = [
    "BULK_INTAKE",
    "CALLBACKS",
    "DEFAULT_LIMIT",
    "LONGEST_WAIT",
    "MAX_LIMIT",
    "STATUS_WATCH",
    "BulkIntake",
    "StatusWatch",
    "read_wait",
    "routes",
]
