"""Each node as libvips does it: one node, one idiom, in the order of the plan.

What is odd here answers to a trap of libvips: `resize` enlarges on a displaced grid and
`rotate` moves by up to a pixel, so both go through `affine` with explicit displacements;
casts truncate, so a half is added; `flatten` fills with black unless told.
"""

from collections.abc import Iterable
from functools import singledispatch
from math import cos, radians, sin
from typing import NamedTuple

from engine.codecs import load
from engine.facts import Facts
from engine.ir import (
    Access,
    Canvas,
    Crop,
    Decode,
    Flatten,
    Frame,
    Luma,
    Node,
    Plan,
    Premultiply,
    Resample,
    Rotate,
    Table,
    Tint,
    ToSrgb,
    Turn,
    Unpremultiply,
)
from engine.source import Source
from engine.vips import Image, image_from_table, interpolator, through_profile

IDENTITY = bytes(range(256))
LUMA = [[0.299, 0.587, 0.114]]
MARGIN = 0.0005  # half of what one step of the weighted sum is worth: makes truncation exact


class Bench(NamedTuple):
    """What lowering works with: the bytes, and what their header told."""

    source: Source
    facts: Facts


def lower(plan: Plan, source: Source) -> Image:
    """Build the pipeline of a plan, to be pulled once.

    The source is read in sequence. Before the first node that jumps about, what was made
    so far is put into memory; the nodes before it have cut it down as far as the plan does.
    """
    return run(plan.nodes, plan.frames, None, Bench(source, plan.facts))


def run(nodes: Iterable[Node], frames: Iterable[Frame], image: Image, bench: Bench) -> Image:
    """Lower nodes one after the other; `frames` are those that they make."""
    held = False
    for node, frame in zip(nodes, frames, strict=True):
        if node.access is Access.RANDOM and not held:
            image, held = image.copy_memory(), True
        image = lower_node(node, image, frame, bench)
    return image


@singledispatch
def lower_node(node: Node, image: Image, made: Frame, bench: Bench) -> Image:
    """Append one node to a pipeline; `made` is the frame that it must come to."""
    raise NotImplementedError(type(node).__name__)


@lower_node.register
def _decode(node: Decode, image: Image, made: Frame, bench: Bench) -> Image:
    return load(bench.source, bench.facts.format, node.shrink)


@lower_node.register
def _to_srgb(node: ToSrgb, image: Image, made: Frame, bench: Bench) -> Image:
    if node.profile:
        image = through_profile(image)
    if image.interpretation == "cmyk":
        image = image.icc_transform("srgb", input_profile="cmyk", embedded=False, depth=8)
    if image.format == "ushort":
        image = (image >> 8).cast("uchar")
    if image.bands < 3:
        image = image[0].bandjoin([image[band] for band in (0, 0, *range(1, image.bands))])
    return image.copy(interpretation="srgb")


@lower_node.register
def _turn(node: Turn, image: Image, made: Frame, bench: Bench) -> Image:
    if node.mirror and node.quarters == 2:
        return image.flipver()
    if node.mirror:
        image = image.fliphor()
    return image.rot(f"d{node.quarters * 90}") if node.quarters else image


@lower_node.register
def _crop(node: Crop, image: Image, made: Frame, bench: Bench) -> Image:
    return image.crop(*node.box)


@lower_node.register
def _resample(node: Resample, image: Image, made: Frame, bench: Bench) -> Image:
    across, down = node.width / image.width, node.height / image.height
    if min(across, down) < 1:
        image = image.resize(min(across, 1), vscale=min(down, 1), kernel="lanczos3")
    if max(across, down) > 1:
        image = _enlarge(image, max(across, 1), max(down, 1), made)
    return image


def _enlarge(image: Image, across: float, down: float, made: Frame) -> Image:
    return image.affine(
        [across, 0, 0, down],
        interpolate=interpolator("bicubic"),
        oarea=[0, 0, made.width, made.height],
        odx=(across - 1) / 2,
        ody=(down - 1) / 2,
        extend="copy",
    )


@lower_node.register
def _rotate(node: Rotate, image: Image, made: Frame, bench: Bench) -> Image:
    """Turn about the centres: displace the input's to 0, turn, displace to the output's."""
    if not image.hasalpha():
        image = image.addalpha()
    cosine, sine = cos(radians(node.degrees)), sin(radians(node.degrees))
    return image.affine(
        [cosine, -sine, sine, cosine],
        interpolate=interpolator("bicubic"),
        oarea=[0, 0, node.width, node.height],
        idx=-(image.width - 1) / 2,
        idy=-(image.height - 1) / 2,
        odx=(node.width - 1) / 2,
        ody=(node.height - 1) / 2,
        extend="background",
        background=[0, 0, 0, 0],
        premultiplied=True,
    )


@lower_node.register
def _canvas(node: Canvas, image: Image, made: Frame, bench: Bench) -> Image:
    if made.alpha and not image.hasalpha():
        image = image.addalpha()
    fill = list(node.colour if made.alpha else node.colour[:3])
    at = (node.left, node.top, node.width, node.height)
    return image.embed(*at, extend="background", background=fill)


@lower_node.register
def _table(node: Table, image: Image, made: Frame, bench: Bench) -> Image:
    if len(set(node.tables)) == 1 and not made.alpha:
        return image.maplut(image_from_table(node.tables[:1]))
    return image.maplut(image_from_table(node.tables + (IDENTITY,) * made.alpha))


@lower_node.register
def _luma(node: Luma, image: Image, made: Frame, bench: Bench) -> Image:
    colours = image.extract_band(0, n=3) if made.alpha else image
    grey = colours.recomb(LUMA).linear(1, MARGIN, uchar=True).copy(interpretation="b-w")
    return grey.bandjoin(image[3]) if made.alpha else grey


@lower_node.register
def _tint(node: Tint, image: Image, made: Frame, bench: Bench) -> Image:
    grey = image[0] if made.alpha else image
    colours = grey.maplut(image_from_table(node.tables)).copy(interpretation="srgb")
    return colours.bandjoin(image[1]) if made.alpha else colours


@lower_node.register
def _premultiply(node: Premultiply, image: Image, made: Frame, bench: Bench) -> Image:
    return image.premultiply().linear(1, 0.5, uchar=True)


@lower_node.register
def _unpremultiply(node: Unpremultiply, image: Image, made: Frame, bench: Bench) -> Image:
    return image.unpremultiply().linear(1, 0.5, uchar=True)


@lower_node.register
def _flatten(node: Flatten, image: Image, made: Frame, bench: Bench) -> Image:
    return image.flatten(background=[255])
