"""Builds plans: resolves what a job needs first, then appends nodes for each transformation."""

from collections.abc import Mapping
from functools import singledispatch

from msgspec import Struct

from engine.errors import DarkroomError, OutputTooLarge, SourceCorrupt
from engine.geometry import Box, Size, rotated_canvas
from engine.ir import (
    CLEAR,
    RGBA,
    Crop,
    Decode,
    Enlarge,
    Measured,
    Measurement,
    Node,
    Orient,
    Premultiply,
    Ranges,
    Resample,
    Rotate,
    ToSrgb,
    Unpremultiply,
    source_frame,
)
from engine.limits import EngineLimits
from engine.schema import CropGravity, Transform
from engine.sources import Facts


class Resolved(Struct, frozen=True):
    """What has to be read or measured before a whole job can be planned.

    `inputs`: the facts of watermarks by key, or the error of one that cannot be fetched.
    `measured`: what was found in pixels, by the index of the transformation.
    """

    inputs: Mapping[str, Facts | DarkroomError] = {}
    measured: Mapping[int, Measured] = {}


class PlanBuilder:
    """A plan while it is built: the nodes so far, and the frame after the last one."""

    def __init__(
        self, facts: Facts, limits: EngineLimits, resolved: Resolved, where: str, tolerant: bool
    ) -> None:
        self.facts = facts
        self.limits = limits
        self.resolved = resolved
        self.nodes: list[Node] = []
        self.frame = source_frame(facts)
        self.where = where
        self.tolerant = tolerant
        self.index = 0

    @property
    def size(self) -> Size:
        """The size of the next transformation's input."""
        return self.frame.size

    def add(self, *nodes: Node) -> None:
        """Append nodes; OutputTooLarge if one makes a larger image than the limits allow."""
        for node in nodes:
            before, self.frame = self.frame, node.frame(self.frame)
            if max(self.size) > max(before.size) or self.size.pixels > before.size.pixels:
                self.check_size(self.where)
            self.nodes.append(node)

    def resample(self, size: Size) -> None:
        """Append a scaling, with alpha premultiplied; nothing if the size is the same."""
        if size != self.size:
            self.add_premultiplied(Resample(*size))

    def add_premultiplied(self, node: Node) -> None:
        """Append a node that mixes pixels; transparent ones must not contribute their colour."""
        before = [Premultiply()] if self.frame.alpha else []
        after = [Unpremultiply()] if node.frame(self.frame).alpha else []
        self.add(*before, node, *after)

    def resample_window(self, size: Size, box: Box) -> None:
        """Append a scaling of which a window is kept; what is not made is no matter of limits."""
        grows = size.width > self.size.width or size.height > self.size.height
        if grows and box.size != size:
            self.add_premultiplied(Enlarge(*size, box))
        else:
            self.resample(size)
            self.add(Crop(box))

    def rotate(self, degrees: float, fill: RGBA = CLEAR) -> None:
        """Append a rotation; by quarter turns pixels are only moved."""
        quarters, remainder = divmod(float(degrees), 90)
        if remainder == 0:
            self.add(Orient(quarters=int(quarters) % 4))
            return
        canvas = rotated_canvas(self.size, degrees)
        # The colour of nothing would not be kept.
        self.add_premultiplied(Rotate(float(degrees), *canvas, fill if fill[3] else CLEAR))

    def measured_box(self) -> Box:
        """Return the window that was measured for the present transformation."""
        found = self.resolved.measured[self.index]
        assert isinstance(found, Box)  # noqa: S101 - as its measurement is
        return found

    def measured_ranges(self) -> Ranges:
        """Return the ranges that were measured for the present transformation."""
        found = self.resolved.measured[self.index]
        assert not isinstance(found, Box)  # noqa: S101 - as its measurement is
        return found

    def check_size(self, what: str) -> None:
        """Raise OutputTooLarge if the image is larger than the limits allow."""
        pages, pixels = self.frame.pages, self.size.pixels * self.frame.pages
        frames = f" with {pages} frames" if pages > 1 else ""
        checks = [
            ("max_output_side", self.limits.max_output_side, max(self.size), "pixels a side"),
            ("max_output_pixels", self.limits.max_output_pixels, pixels, "pixels"),
        ]
        for limit, allowed, found, unit in checks:
            if found > allowed:
                too_large = f"{what} would be too large ({self.size}{frames})"
                raise OutputTooLarge(too_large, limit, allowed, found, unit)


NOTHING_RESOLVED = Resolved()


@singledispatch
def add_nodes(transformation: Transform, builder: PlanBuilder) -> None:
    """Append the nodes of one transformation."""
    raise TypeError(f"nothing expands {type(transformation).__name__}")


@singledispatch
def measurement_of(transformation: Transform, builder: PlanBuilder) -> Measurement | None:
    """Tell what a transformation has to know of its pixels; None if nothing, as most.

    Appends nodes where it is not about the image as it is.
    """
    return None


def measures(transformation: Transform) -> bool:
    """Return whether a transformation may have to be measured, so that its job is planned twice."""
    if type(transformation) not in measurement_of.registry:
        return False
    return getattr(transformation, "gravity", CropGravity.SMART) is CropGravity.SMART


def to_working_image(builder: PlanBuilder, pages: int = 1) -> None:
    """Append what reads `pages` of a file: upright, 8-bit sRGB. Raises SourceCorrupt."""
    if builder.facts.damaged and not builder.tolerant:
        raise SourceCorrupt(builder.facts.damaged)
    decode = Decode(pages=pages, tolerant=builder.tolerant)
    upright = Orient.of_orientation(builder.facts.orientation)
    builder.add(decode, ToSrgb(builder.facts.profile), upright)
