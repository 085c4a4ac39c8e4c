"""Decides whether a PNG can be written as grey or with the source's palette, without loss."""

from collections.abc import Sequence

from engine.ir import (
    Canvas,
    Crop,
    Decode,
    Enlarge,
    Node,
    Orient,
    Packed,
    Pixelate,
    Premultiply,
    Resample,
    Rotate,
    ToSrgb,
    Unpremultiply,
)
from engine.schema import Format, Job, Options, PngOptions, SaveOptions
from engine.sources import Facts, packing

MOVING = (Decode, ToSrgb, Orient, Crop)
PER_BAND = (*MOVING, Resample, Enlarge, Pixelate, Premultiply, Unpremultiply)
USUAL_EFFORT = 6  # which libpng takes itself, as it does these filters


def packed(job: Job, nodes: Sequence[Node], facts: Facts) -> Packed | None:
    """Return the closest kind that holds the pixels which these nodes make; None for RGB.

    Pixels that are only moved are those of the source. Grey stays grey as well where each band
    is computed from itself alone.
    """
    options = job.save_options
    if job.output_format is not Format.PNG or not isinstance(options, PngOptions):
        return None
    if options.palette:  # chosen by the client, whose quality counts
        return None
    moved = all(isinstance(node, MOVING) for node in nodes)
    if moved and facts.palette:
        return Packed(packing.bits_for(facts.palette), palette=True)
    if facts.bands != 1 or not all(map(_keeps_grey, nodes)):
        return None
    return Packed(facts.bits if moved and not facts.alpha else 8)


def packed_options(job: Job, kept: Packed) -> SaveOptions:
    """Return the options with which such pixels take no more bytes than in most sources.

    That costs no more time than RGB with the usual ones. Options that the client gave stay.
    """
    levels = not kept.palette and kept.bits == 8
    usual = {"compression": USUAL_EFFORT, "filter": "all" if levels else "none"}
    return Options(usual | dict(job.options.given)).of(Format.PNG.value)


def _keeps_grey(node: Node) -> bool:
    """Whether grey that goes in comes out grey."""
    if isinstance(node, Canvas):
        return len(set(node.colour[:3])) == 1
    if isinstance(node, Rotate):
        return len(set(node.fill[:3])) == 1
    return isinstance(node, PER_BAND)
