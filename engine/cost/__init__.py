"""Cost model: peak memory, pixels, decode passes and time, predicted from nodes.

Knows nothing about pixels.
"""

from engine.cost.estimate import (
    RESULTS_AHEAD,
    Cost,
    check_memory,
    cost_of,
    cost_of_batch,
    materialisation_budget,
    peak_of_batch,
    predicted_bytes,
    threads_within,
    total_cost,
)
from engine.cost.idioms import idioms_of, is_encoded_from_raster, is_raster, is_read_as_raster
from engine.cost.time_model import seconds_of_batch

__all__ = [
    "RESULTS_AHEAD",
    "Cost",
    "check_memory",
    "cost_of",
    "cost_of_batch",
    "idioms_of",
    "is_encoded_from_raster",
    "is_raster",
    "is_read_as_raster",
    "materialisation_budget",
    "peak_of_batch",
    "predicted_bytes",
    "seconds_of_batch",
    "threads_within",
    "total_cost",
]
