"""Explanations: what would be done with a batch, as data, text or a diagram.

Executes nothing and knows nothing about pixels. What makes explanations is loaded when it is first
used: to read or draw them needs no libvips.
"""

from typing import TYPE_CHECKING, Any

from engine.explain.explanation import Explanation, JobExplanation, Refusal, Stage, Step
from engine.explain.svg import draw
from engine.explain.tree import TreeBranch, TreeSave, TreeStep

if TYPE_CHECKING:
    from engine.explain.explainer import explain, explain_facts

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


def __getattr__(name: str) -> Any:
    if name not in {"explain", "explain_facts"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from engine.explain import explainer  # noqa: PLC0415 - it loads libvips

    return getattr(explainer, name)
