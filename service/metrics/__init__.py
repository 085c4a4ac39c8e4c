"""Metrics: every one with its name, its help text, and whose it is.

Knows nothing of what is measured. The page docs/metrics.md is made from what is declared here.
"""

from service.metrics.declarations import Declared, Role, Scope
from service.metrics.metrics import Metrics

__all__ = ["Declared", "Metrics", "Role", "Scope"]
