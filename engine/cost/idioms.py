"""Decides whether a node is lowered to a libvips stream or to rasters in memory.

Rasters are decoded and encoded by libjpeg-turbo and scaled by fast_image_resize, each at once and
without threads, so a small image costs its pixels and next to nothing else. A stream begins
before its source ends and keeps rows only, so a large image belongs there. The times are those
of a processor that did nothing else; only their ratios matter. `docs/decisions/1001` has them.

The choice depends on frames, facts and how a result is saved, never on pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.batch import MergedPlan
from engine.ir import (
    Canvas,
    Crop,
    Decode,
    Frame,
    IdiomChoice,
    Node,
    Overlay,
    Resample,
    Save,
    ToSrgb,
    all_streamed,
    source_frame,
)
from engine.passes import Bounded
from engine.schema import Format, JpegOptions
from engine.sources import Facts, SourceFormat

BANDS = {1, 3, 4}  # of rasters
MOST_STREAMED = 1_000_000  # pixels of a stream that are put into memory to be scaled there
MOST_DECODED = 4_000_000  # pixels that are decoded, or made by scaling, in memory
MOST_MATERIALISED = 16_000_000  # the same, of what several readers share
LEAST_ROWS = 0.75  # of a source, of which a stream would read no more


# How near fast_image_resize comes to libvips, which takes the nearest of 64 places in a pixel. It
# is hard edges that come near these bounds; photographs are 44 dB or better. When they shrink,
# both round to 8 bits between rows and columns; libvips enlarges in one step, so what is cut off
# at 0 and 255 between the two shows.
SHRUNK, ENLARGED = Bounded(levels=24, psnr=36), Bounded(levels=40, psnr=36)
LEAST_SIDE = 16  # pixels of what is made; below, the places of a few pixels weigh too much
# Qualities at which libjpeg-turbo's fast transform, which simplejpeg takes below 96, is seen:
COARSE = range(90, 96)


class Time(NamedTuple):
    """Processor time of an operation: nanoseconds, and those for each pixel."""

    fixed: float
    each: float

    def of(self, frame: Frame) -> float:
        """Return the time for a frame."""
        return self.fixed + self.each * frame.size.pixels


# The reading of a stream to its end, into memory:
SINK = Time(120_000, 0.9)
# Scaling down, by the pixels that are given; up, by those that are made:
SHRINK_STREAMED, SHRINK_RASTER = Time(550_000, 2.3), Time(30_000, 1.5)
ENLARGE_STREAMED, ENLARGE_RASTER = Time(550_000, 70), Time(30_000, 6)
# JPEG:
ENCODE_STREAMED, ENCODE_RASTER = Time(330_000, 2.8), Time(15_000, 2.2)


def idioms_of(
    nodes: Sequence[Node],
    facts: Facts,
    *,
    exact: bool,
    shared: bool = False,
    converted: bool = True,
) -> IdiomChoice:
    """Return what chooses for the nodes of a run, which it is asked for in their order.

    Where it is `exact`, all is libvips'. What is `shared` by several readers may take more
    memory to be made. Rasters are sRGB, so what libvips decoded is one only when it was
    `converted`; that tells of what the run begins with, if it converts nothing itself.
    """
    if exact:
        return all_streamed
    decodes = _decodes(nodes, facts, MOST_MATERIALISED if shared else MOST_DECODED)
    converts = any(isinstance(node, ToSrgb) for node in nodes)
    srgb = decodes or (converted and not converts)

    def choose_raster(node: Node, given: Frame, made: Frame, in_memory: bool) -> bool:
        nonlocal srgb
        if isinstance(node, Decode):
            return decodes
        fits = srgb and _fits(node, given, made, in_memory)
        srgb = srgb or isinstance(node, ToSrgb)
        return fits

    return choose_raster


def _fits(node: Node, given: Frame, made: Frame, in_memory: bool) -> bool:
    """Return whether a node that follows decoding is done on rasters."""
    if not is_raster(given):
        return False
    match node:
        case ToSrgb() | Crop() | Overlay():
            return in_memory
        case Canvas():
            return in_memory and given.alpha == made.alpha
        case Resample():
            return _scales(given, made, in_memory)
    return False


def is_raster(frame: Frame) -> bool:
    """Return whether a frame can be a raster."""
    return frame.depth == 8 and frame.bands + frame.alpha in BANDS


def is_read_as_raster(part: MergedPlan) -> bool:
    """Return whether a reader of what a part materialises does its work on rasters."""
    if part.exact or not part.converted or not is_raster(part.frame):
        return False
    encodes = (is_encoded_from_raster(save, part.frame, True) for save in part.saves.values())
    return any(encodes) or any(map(_begins_with_raster, part.children))


def _begins_with_raster(part: MergedPlan) -> bool:
    first = part.nodes[0]
    return not part.exact and _fits(first, part.given, first.frame(part.given), True)


def is_encoded_from_raster(save: Save, frame: Frame, in_memory: bool) -> bool:
    """Return whether a result is written by libjpeg-turbo: plain JPEG, small if it is streamed."""
    options = save.options or JpegOptions()
    if save.format is not Format.JPEG or not isinstance(options, JpegOptions):
        return False
    if options.progressive or options.optimize or options.trellis or save.quality in COARSE:
        return False
    if frame.pages > 1 or not is_raster(frame) or frame.bands + frame.alpha != 3:
        return False
    return in_memory or SINK.of(frame) + ENCODE_RASTER.of(frame) < ENCODE_STREAMED.of(frame)


def _decodes(nodes: Sequence[Node], facts: Facts, most_pixels: int) -> bool:
    """Return whether a source is decoded by libjpeg-turbo: plain JPEG that is read to its end."""
    decode = nodes[0]
    if not isinstance(decode, Decode) or facts.format is not SourceFormat.JPEG:
        return False
    if facts.interlaced or facts.profile or facts.depth != 8 or facts.bands not in {1, 3}:
        return False
    made = decode.frame(source_frame(facts))
    return made.size.pixels <= most_pixels and rows_read(nodes, made) > LEAST_ROWS


def rows_read(nodes: Sequence[Node], made: Frame) -> float:
    """Return how far down a stream would read, from 0 to 1."""
    for node in nodes[1:]:
        if isinstance(node, Crop):
            return (node.box.top + node.box.height) / made.height
        if not isinstance(node, ToSrgb):
            break
    return 1


def _scales(given: Frame, made: Frame, in_memory: bool) -> bool:
    """Return whether a scaling is done by fast_image_resize."""
    most = MOST_MATERIALISED if in_memory else MOST_STREAMED
    if given.size.pixels > most or made.size.pixels > MOST_DECODED:
        return False
    if min(made.size) < LEAST_SIDE:
        return False
    enlarges = made.width > given.width or made.height > given.height
    raster, streamed = (
        (ENLARGE_RASTER.of(made), ENLARGE_STREAMED.of(made))
        if enlarges
        else (SHRINK_RASTER.of(given), SHRINK_STREAMED.of(given))
    )
    return in_memory or SINK.of(given) + raster < streamed
