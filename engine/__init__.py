"""The image engine: compiles lists of transformations into libvips pipelines.

batch = parse_batch(body)                   the client's JSON, checked
explain(source, batch.jobs)                 what would be done, from the header alone
for index, result in render(source, batch.jobs): …
"""

from engine.errors import DarkroomError, InvalidRequest, PictureError
from engine.explain import Explanation, explain
from engine.facts import Facts
from engine.header import read_facts
from engine.limits import EngineLimits
from engine.parse import Limits, parse, parse_batch
from engine.render import Output, Result, Stats, input_keys, plan, render
from engine.source import Source
from engine.transforms import Batch, Format, Job
from engine.typefaces import add_fonts

__all__ = [
    "Batch",
    "DarkroomError",
    "EngineLimits",
    "Explanation",
    "Facts",
    "Format",
    "InvalidRequest",
    "Job",
    "Limits",
    "Output",
    "PictureError",
    "Result",
    "Source",
    "Stats",
    "add_fonts",
    "explain",
    "input_keys",
    "parse",
    "parse_batch",
    "plan",
    "read_facts",
    "render",
]
