"""The image engine: compiles lists of transformations into libvips pipelines.

batch = parse_batch(body)                   the client's JSON, checked
explain(source, batch.jobs)                 what would be done, from the header alone
for index, result in render(source, batch.jobs): …
"""

from engine.errors import DarkroomError, ImageError, InvalidRequest
from engine.execute import Output, Result, Stats, input_keys, plan, render
from engine.explain import Explanation, explain
from engine.fonts import add_fonts
from engine.limits import EngineLimits
from engine.schema import Batch, Format, Job, Limits, parse, parse_batch
from engine.sources import Facts, Source
from engine.vips import read_facts

__all__ = [
    "Batch",
    "DarkroomError",
    "EngineLimits",
    "Explanation",
    "Facts",
    "Format",
    "ImageError",
    "InvalidRequest",
    "Job",
    "Limits",
    "Output",
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
