"""Execution: plan a batch, run the merged plans, encode.

Knows nothing about HTTP or SQL.
"""

from engine.execute.batch_run import Result, render
from engine.execute.planning import assume, merge_group, plan, sharing_groups
from engine.execute.renderer import (
    NO_INPUTS,
    Inputs,
    Output,
    Stats,
    facts_of_input,
    input_keys,
)

__all__ = [
    "NO_INPUTS",
    "Inputs",
    "Output",
    "Result",
    "Stats",
    "assume",
    "facts_of_input",
    "input_keys",
    "merge_group",
    "plan",
    "render",
    "sharing_groups",
]
