"""Presets: part of a job under a name; checked when it is saved, put in its place at intake.

Knows nothing of HTTP, SQL or how jobs are rendered.
"""

from service.presets.definition import (
    Definition,
    PresetDefinition,
    PresetName,
    PresetStep,
    read_definition,
    read_name,
)
from service.presets.expansion import Draft, Expanded, read_draft

__all__ = [
    "Definition",
    "Draft",
    "Expanded",
    "PresetDefinition",
    "PresetName",
    "PresetStep",
    "read_definition",
    "read_draft",
    "read_name",
]
