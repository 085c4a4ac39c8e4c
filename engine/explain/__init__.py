"""Explanations: what would be done with a batch, as data, text or a diagram.

Executes nothing and knows nothing about pixels.
"""

from engine.explain.explanation import (
    Explanation,
    JobExplanation,
    Refusal,
    Stage,
    Step,
    explain,
    explain_facts,
)
from engine.explain.svg import draw
from engine.explain.tree import TreeBranch, TreeSave, TreeStep

__all__ = [
    "Explanation",
    "JobExplanation",
    "Refusal",
    "Stage",
    "Step",
    "TreeBranch",
    "TreeSave",
    "TreeStep",
    "draw",
    "explain",
    "explain_facts",
]
