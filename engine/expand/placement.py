"""Resolves lengths, gravity and offsets of a request to sizes and windows in pixels."""

from fractions import Fraction

from msgspec import UNSET, UnsetType

from engine.geometry import Box, Size, rnd
from engine.schema import (
    CropGravity,
    Extent,
    Focus,
    Gap,
    Gravity,
    Height,
    Length,
    Number,
    Offset,
    Width,
)


def resolve(length: Length, along: int, across: int) -> Fraction:
    """Convert a length to pixels, unrounded.

    `along` is the side that the length runs along, `across` the other one.
    """
    base = {"px": 100, "%": along, "h": across, "w": across}[length.unit]
    return length.amount * base / 100


def resolve_size(
    width: Width | UnsetType, height: Height | UnsetType, image: Size, reference: Size | None = None
) -> Size:
    """Return the size that a width and a height ask for on an image, both at least 1.

    A side that is not given follows the image's shape from the other, already rounded, one.
    With neither, it is the image's own size. Relative units are measured on `reference`,
    which is the image by default.
    """
    reference = reference or image
    wide, high = _side(width, *reference), _side(height, *reference.transposed)
    if wide is None and high is None:
        return image
    if wide is None:
        wide = max(1, rnd(Fraction(image.width * (high or 1), image.height)))
    if high is None:
        high = max(1, rnd(Fraction(image.height * wide, image.width)))
    return Size(wide, high)


def _side(length: Length | UnsetType, along: int, across: int) -> int | None:
    return None if length is UNSET else max(1, rnd(resolve(length, along, across)))


def place(
    size: Size, area: Size, gravity: Gravity | CropGravity, xoffset: Offset, yoffset: Offset
) -> Box:
    """Place a box in an area; offsets lead away from the edge that gravity aligns it with."""
    dx, dy = rnd(resolve(xoffset, *area)), rnd(resolve(yoffset, *area.transposed))
    left = _anchor(area.width - size.width, dx, "west", "east", gravity)
    top = _anchor(area.height - size.height, dy, "north", "south", gravity)
    return Box(left, top, size.width, size.height)


def _anchor(room: int, offset: int, near: str, far: str, gravity: Gravity | CropGravity) -> int:
    if near in gravity.value:
        return offset
    return room - offset if far in gravity.value else room // 2 + offset


def shifted(box: Box, xoffset: Offset, yoffset: Offset, area: Size) -> Box:
    """Move a box to the right and down."""
    dx, dy = rnd(resolve(xoffset, *area)), rnd(resolve(yoffset, *area.transposed))
    return Box(box.left + dx, box.top + dy, *box.size)


def place_around(focus: Focus, size: Size, area: Size) -> Box:
    """Centre a box on a point of an area, as near as the area's edges allow."""
    left, top = (
        rnd(share_of(point) * whole - Fraction(side, 2))
        for point, side, whole in zip((focus.x, focus.y), size, area, strict=True)
    )
    return Box(left, top, *size).pushed_into(area)


def share_of(number: Number) -> Fraction:
    """Return a number as it was written, without what binary fractions lose."""
    return Fraction(repr(float(number)))


def resolve_extent(extent: Extent, image: Size) -> Fraction:
    """Convert a distance to pixels, a share being of the shorter side."""
    return resolve(extent, min(image), min(image))


def resolve_gap(gap: Gap, image: Size) -> int:
    """Convert a distance that may be 0 to whole pixels."""
    return rnd(resolve_extent(gap, image))


def not_larger(size: Size, image: Size) -> Size:
    """Return a size of which no side is larger than the image's."""
    return Size(min(size.width, image.width), min(size.height, image.height))


def scale_to_cover(image: Size, box: Size) -> Size:
    """Return the size at which an image just covers a box, its shape kept."""
    scale = max(Fraction(box.width, image.width), Fraction(box.height, image.height))
    return Size(
        max(box.width, rnd(image.width * scale)), max(box.height, rnd(image.height * scale))
    )


def scale_to_fit(image: Size, box: Size) -> Size:
    """Return the size at which an image just fits into a box, its shape kept."""
    scale = min(Fraction(box.width, image.width), Fraction(box.height, image.height))
    return Size(
        min(box.width, max(1, rnd(image.width * scale))),
        min(box.height, max(1, rnd(image.height * scale))),
    )
