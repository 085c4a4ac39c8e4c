"""Lowers nodes to operations on rasters in memory, and writes results from there.

This is the other idiom of nodes that libvips streams. It comes near to what libvips makes, within
what `tests/engine/lower/test_rasters.py` holds it to. `engine.cost.idioms` chooses.
"""

from collections.abc import Mapping

from engine.batch import MergedPlan
from engine.cost import is_encoded_from_raster, is_read_as_raster
from engine.ir import Canvas, Crop, Decode, Frame, Resample, Save, ToSrgb
from engine.lower.context import NodeContext, raster_node
from engine.raster import Raster, Subsampling, decode, encode, resample
from engine.schema import JpegOptions
from engine.sources import jpeg
from engine.vips import Palette, Pixels, as_image, as_raster, codecs, load, three_colours


@raster_node.register
def _decode(node: Decode, pixels: None, context: NodeContext) -> Raster:
    """Decode in RGB. What libjpeg-turbo has anything to say about, libvips is to judge."""
    facts, source = context.facts, context.lowering.source
    decoded = decode(source.through(jpeg.mended), *facts.size, node.shrink)
    if decoded is not None:
        return decoded
    image = load(source, facts.format, node.shrink, tolerant=node.tolerant)
    return as_raster(three_colours(image))


@raster_node.register
def _to_srgb(node: ToSrgb, pixels: Raster, context: NodeContext) -> Raster:
    """What was decoded in RGB without a profile is sRGB."""
    return pixels


@raster_node.register
def _crop(node: Crop, pixels: Pixels, context: NodeContext) -> Raster:
    return as_raster(pixels).crop(*node.box)


@raster_node.register
def _canvas(node: Canvas, pixels: Pixels, context: NodeContext) -> Raster:
    raster = as_raster(pixels)
    canvas = Raster.filled(node.width, node.height, bytes(node.colour[: raster.bands]))
    return canvas.paste(raster, node.left, node.top)


@raster_node.register
def _resample(node: Resample, pixels: Pixels, context: NodeContext) -> Raster:
    threads, window = context.lowering.threads, context.window
    return resample(as_raster(pixels), node.width, node.height, threads, window)


def materialise(pixels: Pixels, part: MergedPlan) -> Pixels:
    """Put the output of a part into memory, where its readers want it."""
    if isinstance(pixels, Raster):
        return pixels
    return as_raster(pixels) if is_read_as_raster(part) else pixels.copy_memory()


def encode_result(
    pixels: Pixels,
    frame: Frame,
    save: Save,
    labels: Mapping[str, bytes],
    exact: bool,
    *,
    palette: Palette | None = None,
) -> bytes:
    """Write a result by the codec that does it for less; `labels` are the metadata it gets.

    `palette` has its colours, if it is written as places among them.
    """
    in_memory = isinstance(pixels, Raster)
    if exact or labels or not is_encoded_from_raster(save, frame, in_memory):
        return codecs.encode(as_image(pixels), save, labels, palette)
    return encode(as_raster(pixels), save.quality, _subsampling(save))


def _subsampling(save: Save) -> Subsampling:
    """Store all colours from quality 90 on, as libvips does, unless told otherwise."""
    options = save.options
    asked = options.subsampling if isinstance(options, JpegOptions) else "auto"
    full = save.quality >= 90 if asked == "auto" else asked == "4:4:4"
    return Subsampling.FULL if full else Subsampling.QUARTER
