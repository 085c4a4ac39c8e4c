"""Batches: merge the plans of one source, so that common prefixes are executed once.

Knows nothing about pixels.
"""

from engine.batch.merge import MergedPlan, merge_plans

__all__ = ["MergedPlan", "merge_plans"]
