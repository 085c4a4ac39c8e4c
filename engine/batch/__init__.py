"""Batches: the plans of one source merged, so that common prefixes are executed once.

Knows no pixels.
"""

from engine.batch.merge import MergedPlan, merge_plans

__all__ = ["MergedPlan", "merge_plans"]
