"""A second look at images that seem damaged: copies in which nothing is missing but a formality.

It costs more than a decoding, so it is taken at what a decoder has refused alone.
"""

from engine.errors import DarkroomError
from engine.execute.renderer import Inputs
from engine.raster import first_complaint
from engine.sources import BEGINNING, Source, SourceFormat, completed, jpeg, sniff


def completed_sources(source: Source, inputs: Inputs) -> tuple[Source, Inputs] | None:
    """Complete the images of a batch; None if that changes none of them."""
    whole = _completed(source)
    changed = {key: made for key, each in inputs.items() if (made := _completed(each))}
    return (whole or source, {**inputs, **changed}) if whole or changed else None


def _completed(source: Source | DarkroomError) -> Source | None:
    if isinstance(source, DarkroomError):
        return None
    made = None
    match sniff(source.head(BEGINNING)):
        case SourceFormat.PNG:
            made = completed(source.data)
        case SourceFormat.JPEG:
            mended = source.through(jpeg.mended)
            made = jpeg.without_stray_bytes(mended, first_complaint)
    return Source(made) if made else None
