"""Batches: the plans of one source merged, so that what begins alike is done once.

Knows no pixels.
"""

from engine.batch.merge import Branch, share

__all__ = ["Branch", "share"]
