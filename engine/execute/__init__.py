"""Execution: plan a batch, run the merged plans, encode.

Knows nothing of HTTP or SQL.
"""

from engine.execute.renderer import (
    NO_INPUTS,
    Inputs,
    Output,
    Result,
    Stats,
    facts_of_input,
    input_keys,
    kin,
    mode_of,
    plan,
    render,
    those_that_hold,
)

__all__ = [
    "NO_INPUTS",
    "Inputs",
    "Output",
    "Result",
    "Stats",
    "facts_of_input",
    "input_keys",
    "kin",
    "mode_of",
    "plan",
    "render",
    "those_that_hold",
]
