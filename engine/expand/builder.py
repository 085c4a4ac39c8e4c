"""A plan while it is written, and what its writer may know beforehand."""

from collections.abc import Mapping

from msgspec import Struct

from engine.errors import DarkroomError, OutputTooLarge
from engine.geometry import Box, Size
from engine.ir import Node, Premultiply, Resample, Unpremultiply, source_frame
from engine.limits import EngineLimits
from engine.sources import Facts


class Known(Struct, frozen=True):
    """What must be looked at before a job can be planned to its end.

    `inputs`: the facts of other pictures by key, or why they cannot be had.
    `measured`: what lies between the letterbox bars, by the index of the transformation.
    """

    inputs: Mapping[str, Facts | DarkroomError] = {}
    measured: Mapping[int, Box] = {}


class Draft:
    """A plan while it is written: the nodes so far, and the frame that they come to."""

    def __init__(self, facts: Facts, limits: EngineLimits, known: Known, where: str) -> None:
        self.facts = facts
        self.limits = limits
        self.known = known
        self.nodes: list[Node] = []
        self.frame = source_frame(facts)
        self.where = where
        self.index = 0

    @property
    def size(self) -> Size:
        """What the next transformation sees."""
        return self.frame.size

    def add(self, *nodes: Node) -> None:
        """Write nodes; OutputTooLarge if one makes a larger picture than the limits allow."""
        for node in nodes:
            before, self.frame = self.frame, node.frame(self.frame)
            if max(self.size) > max(before.size) or self.size.pixels > before.size.pixels:
                self.check_size(self.where)
            self.nodes.append(node)

    def resample(self, size: Size) -> None:
        """Scale, with alpha premultiplied; the same size is no work at all."""
        if size != self.size:
            self.bracketed(Resample(*size))

    def bracketed(self, node: Node) -> None:
        """Write a node that mixes pixels: transparent ones must not lend their colour."""
        before = [Premultiply()] if self.frame.alpha else []
        after = [Unpremultiply()] if node.frame(self.frame).alpha else []
        self.add(*before, node, *after)

    def check_size(self, what: str) -> None:
        """Raise OutputTooLarge if the picture has more than the limits allow."""
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


NOTHING_MORE = Known()
