"""Expansion: from request schema and facts to a plan, one node list per job.

Knows nothing about why or how plans are optimised.
"""

from engine.expand.builder import NOTHING_RESOLVED, Resolved, measures
from engine.expand.expansion import expand, mode_of

__all__ = ["NOTHING_RESOLVED", "Resolved", "expand", "measures", "mode_of"]
