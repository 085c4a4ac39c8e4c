"""Optimisation passes: plan to plan, each exact or bounded, in an order that is data.

A pass knows nothing about other passes or pixels.
"""

from engine.passes.order import Bounded, optimise

__all__ = ["Bounded", "optimise"]
