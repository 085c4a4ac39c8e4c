"""Optimisation passes: plan to plan, each exact or bounded, in an order kept as data.

A pass knows no other pass and no pixels.
"""

from engine.passes.order import Bounded, optimise

__all__ = ["Bounded", "optimise"]
