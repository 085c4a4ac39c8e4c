"""Cost model: peak memory, pixels and decode passes, predicted from nodes.

Knows no pixels.
"""

from engine.cost.estimate import (
    Cost,
    check_memory,
    cost_of,
    cost_of_batch,
    materialisation_budget,
    total_cost,
)

__all__ = [
    "Cost",
    "check_memory",
    "cost_of",
    "cost_of_batch",
    "materialisation_budget",
    "total_cost",
]
