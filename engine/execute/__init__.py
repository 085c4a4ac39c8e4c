"""Execution: plan a batch, run the merged plans, encode.

Knows nothing of HTTP or SQL.
"""

from engine.execute.renderer import (
    NO_INPUTS,
    Inputs,
    Output,
    Result,
    Stats,
    count_materialising,
    facts_of_input,
    input_keys,
    mode_of,
    plan,
    render,
    sharing_groups,
)

__all__ = [
    "NO_INPUTS",
    "Inputs",
    "Output",
    "Result",
    "Stats",
    "count_materialising",
    "facts_of_input",
    "input_keys",
    "mode_of",
    "plan",
    "render",
    "sharing_groups",
]
