"""Dashboards of Grafana as code: what each panel asks, and the JSON that Grafana imports.

Knows nothing of the service but the names of its metrics.
"""

from tools.dashboards.callbacks import CALLBACKS
from tools.dashboards.engine import ENGINE
from tools.dashboards.model import Board, Panel, Query
from tools.dashboards.overview import OVERVIEW
from tools.dashboards.queue import QUEUE
from tools.dashboards.storage import STORAGE

BOARDS = (OVERVIEW, QUEUE, ENGINE, CALLBACKS, STORAGE)

__all__ = ["BOARDS", "Board", "Panel", "Query"]
