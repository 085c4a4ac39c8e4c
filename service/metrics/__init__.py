"""Metrics: each with its name, its help text, and the role that exposes it.

Knows nothing about what is measured. The page docs/metrics.md is made from what is declared here.
"""

from service.metrics.declarations import Declared, Role, Scope
from service.metrics.metrics import Metrics

__all__ = ["Declared", "Metrics", "Role", "Scope"]
