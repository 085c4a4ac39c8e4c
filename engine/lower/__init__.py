"""Lowering: one node, one libvips idiom.

Knows nothing of why a plan is in this order.
"""

from engine.lower.context import LoweringContext, run
from engine.lower.pipeline import lower

__all__ = ["LoweringContext", "lower", "run"]
