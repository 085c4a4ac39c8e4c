"""The image engine: compiles lists of transformations into libvips pipelines.

batch = parse_batch(body)                   the client's JSON, checked
explain(source, batch.jobs)                 what would be done, from the header alone
for index, result in render(source, batch.jobs): …

What is named here is loaded when it is first used: to read settings or requests needs no libvips.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.errors import DarkroomError, ImageError, InvalidRequest
    from engine.execute import Output, Result, Stats, input_keys, plan, render
    from engine.fonts import add_fonts
    from engine.limits import EngineLimits
    from engine.schema import Batch, Format, Job, Limits, parse, parse_batch
    from engine.sources import Facts, Source
    from engine.vips import read_facts

_FROM = {
    "Batch": "schema",
    "DarkroomError": "errors",
    "EngineLimits": "limits",
    "Facts": "sources",
    "Format": "schema",
    "ImageError": "errors",
    "InvalidRequest": "errors",
    "Job": "schema",
    "Limits": "schema",
    "Output": "execute",
    "Result": "execute",
    "Source": "sources",
    "Stats": "execute",
    "add_fonts": "fonts",
    "input_keys": "execute",
    "parse": "schema",
    "parse_batch": "schema",
    "plan": "execute",
    "read_facts": "vips",
    "render": "execute",
}

__all__ = [
    "Batch",
    "DarkroomError",
    "EngineLimits",
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
    "input_keys",
    "parse",
    "parse_batch",
    "plan",
    "read_facts",
    "render",
]


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"engine.{_FROM[name]}"), name)
    globals()[name] = value
    return value
