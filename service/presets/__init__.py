"""Presets: named parts of jobs; checked when they are saved, expanded at intake.

Knows nothing about HTTP, SQL or how jobs are rendered.
"""

from service.presets.definition import (
    PresetDefinition,
    PresetName,
    PresetStep,
    RawDefinition,
    read_definition,
    read_name,
)
from service.presets.expansion import Draft, Expanded, read_draft

__all__ = [
    "Draft",
    "Expanded",
    "PresetDefinition",
    "PresetName",
    "PresetStep",
    "RawDefinition",
    "read_definition",
    "read_draft",
    "read_name",
]
